//! Sizes on the command line: `512MiB`, `2GB`, `1048576`.

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a whole number with an optional unit.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; write for instance 512MiB, 2GB or 0");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim())).ok_or_else(wrong)?.1;
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_have_units() {
        let sizes = ["0", "1048576", "512MiB", "512 mib", "2GB", "16777215TiB"].map(|text| parse(text).ok());
        let bytes = [0, 1 << 20, 512 << 20, 512 << 20, 2_000_000_000, 16_777_215 << 40];
        assert_eq!(sizes, bytes.map(Some));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "MiB", "-1", "1.5GiB", "1 parsec", "99999999TiB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
