# syntax=docker/dockerfile:1
# The harvester with simulator and reports. Mount a volume for the state, and settings as environment variables or a folder with .env:
#   docker run --rm -v harvester-state:/var/lib/harvester -v "$PWD":/work --env-file settings meeting-harvester all -q

FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY connectors connectors
COPY harvester harvester
COPY index_templates index_templates
RUN python -m venv /opt/harvester \
 && PIP_CONSTRAINT=constraints.txt /opt/harvester/bin/pip install --no-cache-dir '.[demo,report,rooms]'

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home harvester \
 && install --directory --owner=harvester --mode=0700 /var/lib/harvester
COPY --from=build /opt/harvester /opt/harvester
COPY contrib/harvest-chunk /usr/local/bin/
ENV PATH=/opt/harvester/bin:$PATH \
    HARVESTER_STATE_DIR=/var/lib/harvester \
    PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /work
VOLUME /var/lib/harvester
ENTRYPOINT ["harvester"]
CMD ["--help"]
