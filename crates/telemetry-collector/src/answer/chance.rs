//! Which differences are more than chance: one rule for everything that is told in words.

/// Fewer events than this say nothing.
const LEAST: f64 = 20.0;
/// How many standard deviations a difference must be: by chance it is one of 15,000.
const LEAST_SIGNIFICANCE: f64 = 4.0;
/// A change of use by less than this is none.
const LEAST_GROWTH: f64 = 0.15;

/// How many standard deviations two shares are apart (the two-proportion z-test), if it is a lot.
///
/// Each share is a part and its whole.
pub(crate) fn of_shares((part, whole): (f64, f64), (part_before, whole_before): (f64, f64)) -> Option<f64> {
    if whole < LEAST || whole_before < LEAST {
        return None;
    }
    let pooled = (part + part_before) / (whole + whole_before);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / whole + 1.0 / whole_before)).sqrt();
    let apart = (part / whole - part_before / whole_before) / deviation;
    (apart.abs() >= LEAST_SIGNIFICANCE).then_some(apart)
}

/// How much more or less there is, as the logarithm of the ratio, if it is a lot and not by chance.
pub(crate) fn of_counts(now: f64, before: f64) -> Option<f64> {
    let apart = (now - before).abs() / (now + before).sqrt();
    let growth = ((now + 1.0) / (before + 1.0)).ln();
    let is_much = now + before >= LEAST && apart >= LEAST_SIGNIFICANCE && growth.abs() >= LEAST_GROWTH;
    is_much.then_some(growth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_no_change() {
        assert_eq!(of_shares((5.0, 100.0), (4.0, 100.0)), None);
        assert_eq!(of_shares((19.0, 19.0), (0.0, 100.0)), None, "too few");
        assert!(of_shares((300.0, 1000.0), (200.0, 1000.0)).is_some_and(|apart| apart > 4.0));
        assert!(of_shares((0.0, 1000.0), (100.0, 1000.0)).is_some_and(|apart| apart < -4.0));
        assert_eq!(of_shares((0.0, 100.0), (0.0, 100.0)), None);
    }

    #[test]
    fn a_little_more_of_much_is_no_change() {
        assert_eq!(of_counts(1_010_000.0, 1_000_000.0), None);
        assert_eq!(of_counts(12.0, 9.0), None);
        assert!(of_counts(0.0, 100.0).is_some_and(|growth| growth < 0.0));
        assert!(of_counts(200.0, 100.0) > of_counts(150.0, 100.0));
    }
}
