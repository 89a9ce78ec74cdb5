//! The model file: one blob with all that a device needs. The normative page is `docs/model-format.md`.
//!
//! [`Model::parse`] checks the bytes once; from then on nothing can fail. `write` (feature `build`) makes them of a
//! [`ModelSpec`].

mod error;
mod golden;
mod header;
mod layer;
mod model;
mod plan;
mod provenance;
#[cfg(feature = "build")]
mod write;

pub use error::FormatError;
pub use golden::{GoldenVector, GoldenVectors, IdsChecksum, ids_checksum};
pub use header::{Announced, FileChecksum, HEADER_BYTES, MAGIC, SectionKind, VERSION};
pub use layer::{
    Biases, Conv1d, Dense, Embedding, Layer, Multipliers, ResidualAdd, Table, Weights, high_half,
    low_half,
};
pub use model::{MAX_TOKENS, Model, SESSION_BYTES};
pub use plan::{BLOCK, Buffer, INT4_GROUP, MAX_LAYERS, MAX_WIDTH};
pub use provenance::Provenance;
#[cfg(feature = "build")]
pub use write::{GoldenSpec, LayerSpec, ModelSpec, TableSpec, WriteError};
