//! An encoder's weights in a safetensors file, under the names that Hugging Face `transformers` gives them.

use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::TeacherError;
use super::architecture::Architecture;
use super::bert::Bert;

/// One tensor: its shape and its values in row-major order.
pub(super) type Weights = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// Reads a safetensors file: `F32`, `F16`, `BF16`, or `I8` with a `F32` tensor `NAME.scale` of one scale a row.
///
/// Names are those of the classifier; a bare encoder's (without `bert.` or `mpnet.`) are accepted too.
pub(super) fn read(path: &Path, architecture: Architecture) -> Result<Weights, TeacherError> {
    let bytes = std::fs::read(path).map_err(|e| TeacherError::io(path, e))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| TeacherError::invalid(path, format!("{e}; a safetensors file is expected")))?;
    let mut weights = Weights::new();
    for (name, view) in file.tensors() {
        let values = match view.dtype() {
            Dtype::I8 => {
                let scales = file.tensor(&format!("{name}.scale")).map_err(|_| {
                    TeacherError::invalid(path, format!("{name} is int8 but has no scales"))
                })?;
                dequantize(&view, &floats(&scales).unwrap_or_default()).ok_or_else(|| {
                    TeacherError::invalid(
                        path,
                        format!("{name} has another number of rows than of scales"),
                    )
                })?
            }
            _ if name.ends_with(".scale") => continue,
            // Index buffers are no weights.
            Dtype::I64 | Dtype::I32 => continue,
            _ => floats(&view).ok_or_else(|| {
                TeacherError::invalid(
                    path,
                    format!("{name} is of unsupported type {:?}", view.dtype()),
                )
            })?,
        };
        let name = architecture.whole_name(name);
        weights.insert(name, (view.shape().to_vec(), values));
    }
    Ok(weights)
}

/// Adds `share` times the weights `more` to `sum`, or says which of them doesn't fit.
pub(super) fn add(sum: &mut Weights, more: Weights, share: f64) -> Result<(), String> {
    let is_first = sum.is_empty();
    for (name, (shape, values)) in more {
        let scaled = values.iter().map(|&v| (f64::from(v) * share) as f32);
        match sum.get_mut(&name) {
            Some((known, total)) if *known == shape => {
                total.iter_mut().zip(scaled).for_each(|(t, v)| *t += v);
            }
            None if is_first => {
                let scaled = scaled.collect();
                sum.insert(name, (shape, scaled));
            }
            _ => {
                return Err(format!(
                    "{name} has no counterpart of its shape in the others"
                ));
            }
        }
    }
    Ok(())
}

fn floats(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::F32 => bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        Dtype::F16 => bytes
            .chunks_exact(2)
            .map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        Dtype::BF16 => bytes
            .chunks_exact(2)
            .map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        _ => return None,
    })
}

fn dequantize(view: &TensorView<'_>, scales: &[f32]) -> Option<Vec<f32>> {
    let rows = *view.shape().first()?;
    if rows == 0 || scales.len() != rows {
        return None;
    }
    let width = view.data().len() / rows;
    Some(
        view.data()
            .chunks_exact(width)
            .zip(scales)
            .flat_map(|(row, scale)| row.iter().map(move |&q| f32::from(q as i8) * scale))
            .collect(),
    )
}

/// Puts weights into a module. Pooler and classifier keep what they have where the file has none.
pub(super) fn load(
    bert: Bert,
    architecture: Architecture,
    weights: Weights,
    path: &Path,
) -> Result<Bert, TeacherError> {
    let mut loader = Loader {
        architecture,
        path: Vec::new(),
        weights,
        fault: None,
    };
    let bert = bert.map(&mut loader);
    match loader.fault {
        Some(why) => Err(TeacherError::invalid(path, why)),
        None => Ok(bert),
    }
}

struct Loader {
    architecture: Architecture,
    path: Vec<String>,
    weights: Weights,
    fault: Option<String>,
}

impl ModuleMapper for Loader {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (name, transposed) = self.architecture.parameter(&self.path);
        let Some((mut shape, mut values)) = self.weights.remove(&name) else {
            if !self.architecture.is_head(&name) {
                self.fault
                    .get_or_insert(format!("there is no tensor {name}"));
            }
            return param;
        };
        if transposed && shape.len() == 2 {
            values = transpose(&values, shape[0], shape[1]);
            shape.reverse();
        }
        let expected: Vec<usize> = param.dims().to_vec();
        if shape != expected {
            self.fault.get_or_insert(format!(
                "{name} has shape {shape:?}, but config.json asks for {expected:?}"
            ));
            return param;
        }
        param.map(|old| {
            let tensor =
                Tensor::from_data(TensorData::new(values, expected), &old.device().inner());
            match old.device().is_autodiff() {
                true => Tensor::from_inner(tensor).set_require_grad(old.is_require_grad()),
                false => tensor,
            }
        })
    }
}

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// As they are; `transformers` loads such a file.
    Float32,
    /// Matrices as int8 with one scale a row, symmetric: `weight = q · scale`. A quarter of the size, for shipping.
    Int8,
}

/// A module's weights as the bytes of a safetensors file.
pub(super) fn to_bytes(
    bert: &Bert,
    architecture: Architecture,
    precision: Precision,
) -> Result<Vec<u8>, TeacherError> {
    let mut tensors = Vec::new();
    for (name, shape, values) in collect(bert, architecture) {
        if precision == Precision::Int8 && shape.len() == 2 {
            let (quantized, scales) = quantize(&values, shape[1]);
            tensors.push((
                format!("{name}.scale"),
                Dtype::F32,
                vec![shape[0]],
                bytes_of(&scales),
            ));
            tensors.push((name, Dtype::I8, shape, quantized));
        } else {
            tensors.push((name, Dtype::F32, shape, bytes_of(&values)));
        }
    }
    let run = |e: safetensors::SafeTensorError| TeacherError::Run(e.to_string());
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, data)| {
            TensorView::new(*dtype, shape.clone(), data).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(run)?;
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(metadata)).map_err(run)
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Rows of `width` values as int8 in `-127..=127`, and each row's scale.
fn quantize(values: &[f32], width: usize) -> (Vec<u8>, Vec<f32>) {
    let mut quantized = Vec::with_capacity(values.len());
    let mut scales = Vec::new();
    for row in values.chunks_exact(width) {
        let largest = row.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        scales.push(scale);
        quantized.extend(row.iter().map(|v| (v / scale).round() as i8 as u8));
    }
    (quantized, scales)
}

/// A module's weights by the name, layout and order that `transformers` uses.
fn collect(bert: &Bert, architecture: Architecture) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let mut collector = Collector {
        architecture,
        path: Vec::new(),
        weights: Vec::new(),
    };
    bert.visit(&mut collector);
    collector.weights
}

struct Collector {
    architecture: Architecture,
    path: Vec<String>,
    weights: Vec<(String, Vec<usize>, Vec<f32>)>,
}

impl ModuleVisitor for Collector {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (name, transposed) = self.architecture.parameter(&self.path);
        let mut shape = param.dims().to_vec();
        let mut values: Vec<f32> = param.val().into_data().iter().collect();
        if transposed && shape.len() == 2 {
            values = transpose(&values, shape[0], shape[1]);
            shape.reverse();
        }
        self.weights.push((name, shape, values));
    }
}

fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for column in 0..columns {
        out.extend((0..rows).map(|row| values[row * columns + column]));
    }
    out
}
