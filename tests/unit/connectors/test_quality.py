from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.quality import (
    MAX_SERIES_LENGTH,
    Measure,
    Quality,
    Series,
    Stream,
    join_series,
    merge_measures,
    summarize,
    to_series,
)
from harvester.simulator.expected.minute_quality import round_to_hundredths as _expected_hundredths

SAMPLES = st.lists(st.integers(0, 3000).map(lambda n: n / 8), min_size=1, max_size=8)


def test_a_measure_is_mean_worst_and_samples() -> None:
    assert summarize("latency_ms", [10, None, 20, -1]) == Measure(mean=15, worst=20, samples=2)
    assert summarize("fps", [10, 20]) == Measure(mean=15, worst=10, samples=2)


def test_peaks_count_only_for_the_worst() -> None:
    assert summarize("packet_loss_pct", [1, 3], [None, 9, -1]) == Measure(mean=2, worst=9, samples=2)
    assert summarize("packet_loss_pct", [1, 3], [2]) == Measure(mean=2, worst=3, samples=2)


@pytest.mark.parametrize("samples", [[], [None], [-1, None], [float("nan")]])
def test_without_samples_there_is_no_measure(samples: list[float | None]) -> None:
    assert summarize("latency_ms", samples, [5]) is None


@given(st.lists(SAMPLES, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_meeting_quality_does_not_depend_on_the_order_of_sessions(parts: list[list[float]], random) -> None:
    whole = summarize("latency_ms", [value for part in parts for value in part])
    measures = [summarize("latency_ms", part) for part in parts]
    random.shuffle(measures)
    together = merge_measures("latency_ms", [measure for measure in measures if measure is not None])
    assert whole is not None
    assert together is not None
    assert together.to_document() == whole.to_document()


def test_binary_noise_does_not_decide_rounding() -> None:
    noisy = Measure(mean=12.125000000000002, worst=12.125, samples=8)
    assert noisy.to_document() == {"mean": 12.12, "worst": 12.12, "samples": 8}


@pytest.mark.parametrize(
    ("measured", "written"), [(17.775, 17.78), (17.765, 17.76), (0.005, 0.0), (1333.335, 1333.34)]
)
def test_halves_are_rounded_to_even_as_in_the_expected_documents(measured: float, written: float) -> None:
    assert Measure(mean=measured, worst=measured, samples=3).to_document()["mean"] == written
    assert _expected_hundredths(measured) == written


@given(
    st.floats(0, 1e9) | st.integers(0, 10**9).map(lambda thousandths: thousandths / 1000),
    st.sampled_from([0.0, 1e-12, -1e-12, 1e-8, -1e-8]),
)
def test_the_noise_is_removed_before_every_value_is_rounded(measured: float, noise: float) -> None:
    """The shortcut for values far from a half rounds as the whole calculation does."""
    value = abs(measured + noise)
    document = Measure(mean=value, worst=None, samples=None).to_document()
    assert document == {"mean": round(round(value * 100, 6)) / 100}


def test_unmeasured_values_have_no_key() -> None:
    fps = Measure(mean=12, worst=10, samples=3)
    quality = Quality(audio_in=Stream(measures={}), video_in=Stream(measures={"fps": fps}))
    assert quality.to_document() == {"video_in": {"fps": {"mean": 12, "worst": 10, "samples": 3}}}
    assert Quality().to_document() == {}


def test_a_meetings_quality_is_stream_by_stream() -> None:
    slow = Stream(measures={"latency_ms": Measure(mean=300, worst=400, samples=1)})
    fast = Stream(measures={"latency_ms": Measure(mean=100, worst=200, samples=3)})
    both = Quality.merge(
        [Quality(audio_in=slow), Quality(audio_in=fast, cpu_pct=Measure(mean=5, worst=9, samples=2))]
    )
    assert both.audio_in == Stream(measures={"latency_ms": Measure(mean=150, worst=400, samples=4)})
    assert both.audio_out is None
    assert both.cpu_pct == Measure(mean=5, worst=9, samples=2)


NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NINE + timedelta(seconds=seconds)


def test_series_has_even_steps_with_null_for_missing_samples() -> None:
    points = [
        (after(0), {"latency_ms": 40.126, "jitter_ms": None}),
        (after(121), {"latency_ms": 60, "jitter_ms": -1, "packet_loss_pct": 0}),
    ]
    series = to_series(points, 60)
    assert series is not None
    assert series.to_document() == {
        "start": NINE,
        "step_s": 60,
        "latency_ms": [40.13, None, 60],
        "packet_loss_pct": [None, None, 0],
    }


@pytest.mark.parametrize(
    ("points", "step"),
    [
        ([], 60),
        ([(NINE, {"latency_ms": None})], 60),
        ([(NINE, {"latency_ms": 1.0})], 0),
        ([(NINE, {"latency_ms": 1.0})], float("nan")),
        ([(NINE, {"latency_ms": 1.0}), (after(60 * MAX_SERIES_LENGTH), {"latency_ms": 1.0})], 60),
        ([(NINE, {"latency_ms": 1.0}), (after(60), {"latency_ms": 1.0})], 1e-308),
    ],
)
def test_impossible_series_is_none(points: list, step: float) -> None:
    assert to_series(points, step) is None


def test_parts_of_a_session_are_one_series_with_the_shortest_step() -> None:
    first = Series(start=NINE, step_s=60, latency_ms=(1.0, 2.0))
    second = Series(start=after(180), step_s=30, latency_ms=(3.0, 4.0), jitter_ms=(5.0, None))
    whole = join_series([second, first])
    assert whole is not None
    assert whole.start == NINE
    assert whole.step_s == 30
    assert whole.latency_ms == (1.0, None, 2.0, None, None, None, 3.0, 4.0)
    assert whole.jitter_ms == (None, None, None, None, None, None, 5.0, None)
    assert join_series([first]) is first
    assert join_series([]) is None


def test_distant_parts_are_not_one_series() -> None:
    first = Series(start=NINE, step_s=1, latency_ms=(1.0, 2.0))
    assert join_series([first, Series(start=after(9**9), step_s=1, latency_ms=(1.0,))]) is first


def test_only_sessions_have_series() -> None:
    stream = Stream(
        measures={"latency_ms": Measure(mean=1, worst=1, samples=1)},
        series=Series(start=NINE, step_s=60, latency_ms=(1.0,)),
    )
    parts = [Quality(audio_in=stream), Quality(audio_in=stream)]
    assert "series" not in Quality.merge(parts).to_document()["audio_in"]
    assert "series" in Quality.merge(parts, same_session=True).to_document()["audio_in"]


@given(
    st.lists(
        st.tuples(st.integers(0, 5000), st.one_of(st.none(), st.integers(-1, 9))), min_size=1, max_size=20
    ),
    st.integers(1, 120),
)
def test_series_from_its_own_points_is_the_same(sent: list, step: int) -> None:
    series = to_series([(after(at), {"latency_ms": value}) for at, value in sent], step)
    if series is not None:
        assert to_series(series.points(), step) == series
        assert len(series.latency_ms) <= 5001


def test_a_number_of_samples_that_no_index_can_hold_is_absent() -> None:
    assert Measure(mean=1.0, worst=2.0, samples=2**31).to_document() == {"mean": 1.0, "worst": 2.0}
    assert Measure(mean=1.0, worst=2.0, samples=2**31 - 1).to_document()["samples"] == 2**31 - 1
