//! Learning rates over the steps of a training.

/// Rises linearly to 1 over a share `warmup` of the steps, then falls linearly to 0. `step` counts from 0.
pub fn warmup_linear(step: usize, steps: usize, warmup: f64) -> f64 {
    let rising = (warmup * steps as f64).max(1.0);
    let (step, steps) = (step as f64, steps as f64);
    let share = if step < rising {
        (step + 1.0) / rising
    } else {
        (steps - step) / (steps - rising).max(1.0)
    };
    share.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::warmup_linear;

    #[test]
    fn rises_then_falls() {
        assert_eq!(warmup_linear(0, 100, 0.1), 0.1);
        assert_eq!(warmup_linear(9, 100, 0.1), 1.0);
        assert_eq!(warmup_linear(10, 100, 0.1), 1.0);
        assert_eq!(warmup_linear(55, 100, 0.1), 0.5);
        assert_eq!(warmup_linear(100, 100, 0.1), 0.0);
    }
}
