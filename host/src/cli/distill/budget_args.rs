//! What a student may take, as options.

use crate::distill::Budget;

/// What a student may take.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BudgetArgs {
    /// The most bytes of the model file, such as 96K
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "224K")]
    pub(super) max_flash: usize,
    /// The most bytes of memory of a session, such as 4K
    #[arg(long, value_name = "BYTES", value_parser = bytes, default_value = "6K")]
    pub(super) max_ram: usize,
}

impl BudgetArgs {
    /// The same as numbers.
    pub(crate) fn budget(&self) -> Budget {
        Budget {
            flash: self.max_flash,
            ram: self.max_ram,
        }
    }
}

/// A number of bytes, `K` and `M` for 1024 and 1024².
pub(super) fn bytes(argument: &str) -> Result<usize, String> {
    let text = argument.trim().to_ascii_uppercase();
    let text = text.strip_suffix('B').unwrap_or(&text);
    let text = text
        .strip_suffix("KI")
        .map(|t| format!("{t}K"))
        .unwrap_or_else(|| text.to_owned());
    let (digits, unit) = match text.strip_suffix('K') {
        Some(digits) => (digits, 1024),
        None => text
            .strip_suffix('M')
            .map_or((text.as_str(), 1), |digits| (digits, 1024 * 1024)),
    };
    let number: Option<usize> = digits.trim().parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .filter(|&number| number > 0)
        .ok_or_else(|| "expected a number of bytes above 0, such as 131072, 128K or 1M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("4096", 4096),
            ("128K", 131_072),
            ("96k", 98_304),
            ("224KiB", 229_376),
            ("1M", 1 << 20),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "K", "-1", "1.5K", "99999999999999999999K"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
