//! Any text classifier in ONNX with its `tokenizer.json`, run by tract.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use tract_core::prelude::*;
use tract_onnx::prelude::{InferenceFact, InferenceModelExt as _};

use super::encode::Encoder;
use super::{CONFIG, MAX_PIECES, TOKENIZER, Table, Teacher, TeacherError};

/// An ONNX classifier: `input_ids`, and where it has them `attention_mask` and `token_type_ids`, all `[batch, time]` int64,
/// to logits `[batch, classes]`.
pub struct OnnxTeacher {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<Input>,
    labels: Vec<String>,
    encoder: Arc<Encoder>,
    digest: String,
}

/// What an input of the network is fed with.
#[derive(Debug, Clone, Copy)]
enum Input {
    Ids,
    Mask,
    Segment,
}

#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    id2label: BTreeMap<usize, String>,
}

impl OnnxTeacher {
    /// Reads an ONNX file; `tokenizer.json` and a `config.json` with `id2label` lie beside it.
    ///
    /// # Errors
    /// A file is missing or broken, the network has other inputs than named above, or tract lacks one of its operators.
    pub fn read(path: &Path) -> Result<Self, TeacherError> {
        let beside = |name| path.with_file_name(name);
        let config = beside(CONFIG);
        let text = std::fs::read_to_string(&config).map_err(|e| TeacherError::io(&config, e))?;
        let Labels { id2label } = serde_json::from_str(&text)
            .map_err(|e| TeacherError::invalid(&config, e.to_string()))?;
        if id2label.len() < 2 {
            return Err(TeacherError::invalid(
                &config,
                "there is no id2label with two classes or more; it names the classes in the order of the logits",
            ));
        }
        let encoder = Arc::new(Encoder::read(&beside(TOKENIZER), MAX_PIECES)?);
        let digest = super::digest(&[config, beside(TOKENIZER), path.to_owned()])?;
        let (plan, inputs) = prepare(path)?;
        Ok(Self {
            plan,
            inputs,
            labels: id2label.into_values().collect(),
            encoder,
            digest,
        })
    }

    fn run(&self, ids: &[u32]) -> TractResult<Vec<f32>> {
        let feed = |value: &dyn Fn(usize) -> i64| -> TractResult<TValue> {
            let values: Vec<i64> = (0..ids.len()).map(value).collect();
            Ok(Tensor::from_shape(&[1, ids.len()], &values)?.into())
        };
        let inputs = self
            .inputs
            .iter()
            .map(|input| match input {
                Input::Ids => feed(&|i| i64::from(ids[i])),
                Input::Mask => feed(&|_| 1),
                Input::Segment => feed(&|_| 0),
            })
            .collect::<TractResult<TVec<TValue>>>()?;
        let outputs = self.plan.run(inputs)?;
        let logits = outputs[0].cast_to::<f32>()?;
        Ok(logits
            .to_plain_array_view::<f32>()?
            .iter()
            .copied()
            .collect())
    }
}

fn prepare(path: &Path) -> Result<(Arc<TypedRunnableModel>, Vec<Input>), TeacherError> {
    let invalid = |e: TractError| TeacherError::invalid(path, format!("{e:#}"));
    let mut model = tract_onnx::onnx().model_for_path(path).map_err(invalid)?;
    let time = model.symbols.sym("time");
    let mut inputs = Vec::new();
    for (index, outlet) in model
        .input_outlets()
        .map_err(invalid)?
        .to_vec()
        .iter()
        .enumerate()
    {
        let name = model.node(outlet.node).name.clone();
        inputs.push(match name.as_str() {
            "input_ids" => Input::Ids,
            "attention_mask" => Input::Mask,
            "token_type_ids" => Input::Segment,
            _ => {
                return Err(TeacherError::invalid(
                    path,
                    format!("input {name:?} is none of input_ids, attention_mask, token_type_ids"),
                ));
            }
        });
        let shape: TVec<TDim> = tvec!(1.to_dim(), time.to_dim());
        let fact = InferenceFact::dt_shape(i64::datum_type(), shape);
        model.set_input_fact(index, fact).map_err(invalid)?;
    }
    let plan = model
        .into_optimized()
        .and_then(|model| model.into_runnable())
        .map_err(invalid)?;
    Ok((plan, inputs))
}

impl Teacher for OnnxTeacher {
    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn encoder(&self) -> &Arc<Encoder> {
        &self.encoder
    }

    fn logits_of(&mut self, sequences: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, TeacherError> {
        sequences
            .iter()
            .map(|ids| {
                let logits = self
                    .run(ids)
                    .map_err(|e| TeacherError::Run(format!("{e:#}")))?;
                if logits.len() != self.labels.len() {
                    return Err(TeacherError::Run(format!(
                        "the network gives {} logits, its config.json names {} classes",
                        logits.len(),
                        self.labels.len()
                    )));
                }
                Ok(logits)
            })
            .collect()
    }

    fn token_tables(&mut self, _ids: &[u32]) -> Result<Vec<Table>, TeacherError> {
        Ok(vec![])
    }
}
