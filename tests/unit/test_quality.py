from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.quality import Measure, Quality, Stream, measured, merged
from harvester.simulator.truth.quality import hundredths as _truths_hundredths

SAMPLES = st.lists(st.integers(0, 3000).map(lambda n: n / 8), min_size=1, max_size=8)


def test_a_measure_is_mean_worst_and_samples() -> None:
    assert measured("latency_ms", [10, None, 20, -1]) == Measure(mean=15, worst=20, samples=2)
    assert measured("fps", [10, 20]) == Measure(mean=15, worst=10, samples=2)


def test_peaks_make_the_worst_worse_and_count_for_nothing_else() -> None:
    assert measured("packet_loss_pct", [1, 3], [None, 9, -1]) == Measure(mean=2, worst=9, samples=2)
    assert measured("packet_loss_pct", [1, 3], [2]) == Measure(mean=2, worst=3, samples=2)


@pytest.mark.parametrize("samples", [[], [None], [-1, None], [float("nan")]])
def test_without_samples_there_is_no_measure(samples: list[float | None]) -> None:
    assert measured("latency_ms", samples, [5]) is None


@given(st.lists(SAMPLES, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_what_a_meeting_shows_does_not_hang_on_the_order_of_its_stays(
    parts: list[list[float]], random
) -> None:
    whole = measured("latency_ms", [value for part in parts for value in part])
    measures = [measured("latency_ms", part) for part in parts]
    random.shuffle(measures)
    together = merged("latency_ms", [measure for measure in measures if measure is not None])
    assert whole is not None
    assert together is not None
    assert together.document() == whole.document()


def test_a_half_is_rounded_as_what_it_stands_for() -> None:
    noisy = Measure(mean=12.125000000000002, worst=12.125, samples=8)
    assert noisy.document() == {"mean": 12.12, "worst": 12.12, "samples": 8}


@pytest.mark.parametrize(
    ("told", "written"), [(17.775, 17.78), (17.765, 17.76), (0.005, 0.0), (1333.335, 1333.34)]
)
def test_a_half_goes_to_the_even_hundredth_as_in_the_truth(told: float, written: float) -> None:
    assert Measure(mean=told, worst=told, samples=3).document()["mean"] == written
    assert _truths_hundredths(told) == written


def test_what_was_not_measured_leaves_no_key() -> None:
    fps = Measure(mean=12, worst=10, samples=3)
    quality = Quality(audio_in=Stream(), video_in=Stream(fps=fps))
    assert quality.document() == {"video_in": {"fps": {"mean": 12, "worst": 10, "samples": 3}}}
    assert Quality().document() == {}


def test_a_meetings_quality_is_stream_by_stream() -> None:
    slow = Stream(latency_ms=Measure(mean=300, worst=400, samples=1))
    fast = Stream(latency_ms=Measure(mean=100, worst=200, samples=3))
    both = Quality.merged(
        [Quality(audio_in=slow), Quality(audio_in=fast, cpu_pct=Measure(mean=5, worst=9, samples=2))]
    )
    assert both.audio_in == Stream(latency_ms=Measure(mean=150, worst=400, samples=4))
    assert both.audio_out is None
    assert both.cpu_pct == Measure(mean=5, worst=9, samples=2)
