"""`harvester completion`: the script with which a shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from connectors.errors import ConfigurationError
from harvester.cli import COMPLETION_VARIABLE, PROGRAM, cli
from harvester.cli.options import examples, logging_options, pass_logging
from harvester.cli.render.echo import echo_lines

SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog=examples(
        "harvester completion bash > ~/.local/share/bash-completion/completions/harvester",
        "harvester completion zsh > ~/.zfunc/_harvester",
        "harvester completion fish > ~/.config/fish/completions/harvester.fish",
    )
)
@click.argument("shell", type=click.Choice(SHELLS))
@logging_options
@pass_logging
def completion(shell: str) -> None:
    """Print the script with which SHELL (bash, zsh or fish) completes commands and options.

    For bash, the package bash-completion loads it from the folder in the example. For zsh, the folder must be in fpath
    before compinit runs: put `fpath+=~/.zfunc` and `autoload -U compinit; compinit` into ~/.zshrc.
    """
    kind = get_completion_class(shell)
    if kind is None:  # another package may have replaced it
        raise ConfigurationError(f"there is no completion for {shell}")
    script = kind(cli, {}, PROGRAM, COMPLETION_VARIABLE)
    # `source` would also start bash to look at its version.
    echo_lines((script.source_template % script.source_vars()).strip("\n"))
