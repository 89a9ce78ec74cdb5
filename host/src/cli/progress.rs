//! Progress bars on standard error, with rate and remaining time.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::common::Common;

/// A bar for `steps` steps, of `each` items each, of a task called `name`. Nothing is drawn with `--quiet`; where standard
/// error is no terminal, only [`note`](Common::note)s are seen.
pub(super) fn bar(common: &Common, name: &'static str, steps: usize) -> ProgressBar {
    let target = match common.quiet {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    };
    let bar = ProgressBar::with_draw_target(Some(steps as u64), target).with_prefix(name);
    let template = "{prefix:>9} [{bar:30}] {pos}/{len}  {per_sec}  {eta} left  {msg}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
