//! What a person sees of `thimble distill` on the way.

use std::path::Path;

use crate::cli::common::{Common, MemoryNote};
use crate::cli::output::{percent, thousands};
use crate::cli::{progress, run_folder};
use crate::distill::{Event, Plan};
use crate::student::train::Evaluation;

/// What a person sees on the way.
pub(super) struct Stages<'a> {
    common: &'a Common,
    folder: &'a Path,
    bar: Option<(&'static str, indicatif::ProgressBar)>,
    memory: MemoryNote,
}

impl<'a> Stages<'a> {
    pub(super) fn new(common: &'a Common, plan: &'a Plan) -> Self {
        Self {
            common,
            folder: &plan.folder,
            bar: None,
            memory: MemoryNote::new(plan.train.batch_size, plan.train.micro_batch),
        }
    }

    fn bar(&mut self, name: &'static str, done: usize, all: usize) -> &indicatif::ProgressBar {
        let fresh = self.bar.as_ref().is_none_or(|(known, _)| *known != name);
        if fresh {
            self.end();
            let bar = progress::bar(self.common, name, all);
            // A resumed stage's rate counts from here.
            bar.set_position(done as u64);
            bar.reset_eta();
            self.bar = Some((name, bar));
        }
        let bar = &self.bar.as_ref().expect("just set").1;
        bar.set_position(done as u64);
        bar
    }

    pub(super) fn show(&mut self, event: Event<'_>) {
        let common = self.common;
        match event {
            Event::Label { done, all } => {
                let first = self.bar.is_none();
                if first && done < all {
                    common.note(format!(
                        "1/3 the teacher labels {} texts",
                        thousands(all as u64)
                    ));
                }
                self.bar("labelling", done, all);
            }
            Event::Sizes {
                config,
                file_bytes,
                ram_bytes,
            } => {
                self.end();
                let channels: Vec<String> = config
                    .convs
                    .iter()
                    .map(|conv| conv.channels.to_string())
                    .collect();
                common.note(format!(
                    "2/3 the student learns: {} pieces × {} values in {} bytes, convolutions of {} channels, {} bytes of flash at most, {} of RAM",
                    thousands(config.pieces as u64),
                    config.embedding,
                    config.row_bytes(),
                    channels.join(", "),
                    thousands(file_bytes as u64),
                    thousands(ram_bytes as u64)
                ));
            }
            Event::Train(state) => {
                let memory = self.memory.line(state.micro_batch);
                let bar = self.bar("training", state.step, state.steps).clone();
                if let Some(line) = memory {
                    bar.suspend(|| common.warn(line));
                }
                if let Some(evaluation) = state.fresh() {
                    let line = line(evaluation);
                    bar.set_message(line.clone());
                    bar.suspend(|| common.note(&line));
                    run_folder::write_metrics(self.folder, &state.history, common);
                }
            }
            Event::Judge => {
                self.end();
                common.note("3/3 the engine judges, and the golden vectors are replayed");
            }
        }
    }

    pub(super) fn end(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn line(evaluation: &Evaluation) -> String {
    let error = evaluation.squared_error;
    let error = error.map(|error| format!(", squared error of a logit {error:.4}"));
    format!(
        "step {}: loss {:.4}, dev accuracy {}{} ({})",
        evaluation.step,
        evaluation.loss,
        percent(evaluation.accuracy),
        error.unwrap_or_default(),
        if evaluation.quantized {
            "rounded as integers"
        } else {
            "floats"
        }
    )
}
