//! What is flat and what grows with the work: in whole numbers, by the middle values of the first and last thirds,
//! so that a single high or low look decides nothing.

/// How much the last third may be above the first one: of a hundred, or this many at least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance {
    pub(super) percent: u64,
    pub(super) least: u64,
}

/// The middle values of the first and the last third.
pub(super) fn ends(series: &[u64]) -> (u64, u64) {
    let third = series.len().div_ceil(3);
    let middle = |part: &[u64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part.get(part.len() / 2).copied().unwrap_or(0)
    };
    (middle(&series[..third]), middle(&series[series.len() - third..]))
}

/// Whether a series is no higher at its end than at its beginning.
pub(super) fn flat(series: &[u64], tolerance: Tolerance) -> Result<(), String> {
    if series.len() < 9 {
        return Err(format!("{} looks are too few", series.len()));
    }
    let (first, last) = ends(series);
    let most = first + (first * tolerance.percent / 100).max(tolerance.least);
    if last <= most {
        return Ok(());
    }
    Err(format!("{first} in the first third and {last} in the last, which is more than {most}"))
}

/// Whether as much was added for each payment late as early: (added, payments) of both.
pub(super) fn linear(early: (u64, u64), late: (u64, u64), percent: u64) -> Result<(), String> {
    if early.1 == 0 || late.1 == 0 {
        return Err("no payments were made".to_owned());
    }
    // late.0 / late.1 <= early.0 / early.1 and so many of a hundred more.
    if late.0 * early.1 * 100 <= early.0 * late.1 * (100 + percent) {
        return Ok(());
    }
    Err(format!("{} for {} payments early and {} for {} late", early.0, early.1, late.0, late.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Tolerance = Tolerance { percent: 10, least: 5 };

    #[test]
    fn what_leaks_is_found_and_what_swings_is_not() {
        let series = |value: fn(u64) -> u64| (0..60).map(value).collect::<Vec<_>>();
        for (what, series, is_flat) in [
            ("the same all the time", series(|_| 1_000), true),
            ("a leak", series(|look| 1_000 + look * 10), false),
            ("a slow leak within the tolerance", series(|look| 1_000 + look), true),
            ("a leak from nothing", series(|look| look), false),
            ("swings", series(|look| 1_000 + look % 7 * 100), true),
            ("swings that rise", series(|look| 1_000 + look % 7 * 100 + look * 20), false),
            (
                "single peaks at the end",
                series(|look| if look % 10 == 9 { 9_000 * look / 9 } else { 100 }),
                true,
            ),
            ("a step in the middle", series(|look| if look < 30 { 1_000 } else { 1_200 }), false),
            ("less and less", series(|look| 1_000 - look), true),
            ("a little from nothing", series(|look| look / 15), true),
            ("too few looks", vec![1; 8], false),
        ] {
            assert_eq!(flat(&series, TEN).is_ok(), is_flat, "{what}: {:?}", flat(&series, TEN));
        }
    }

    #[test]
    fn what_grows_faster_than_the_payments_is_found() {
        for (early, late, is_linear) in [
            ((100, 10), (100, 10), true),
            ((100, 10), (1_000, 100), true),
            ((100, 10), (125, 10), true),
            ((100, 10), (140, 10), false),
            ((0, 10), (100, 10), false),
            ((100, 10), (0, 10), true),
            ((100, 0), (100, 10), false),
            ((100, 10), (100, 0), false),
        ] {
            assert_eq!(linear(early, late, 30).is_ok(), is_linear, "{early:?} {late:?}");
        }
    }
}
