//! Which shapes lie near another.

use thimble_shared::format::INT4_GROUP;

use crate::distill::{Rows, Shape};

/// Shapes that differ from this one in one respect.
pub(super) fn neighbours(shape: &Shape) -> Vec<Shape> {
    let mut near = Vec::new();
    for factor in [1.6, 0.6] {
        let share = (shape.share * factor * 100.0).round() / 100.0;
        let share = share.clamp(0.04, 0.7);
        near.push(Shape { share, ..*shape });
    }
    match shape.rows {
        Rows::Codes(codes) => {
            for (codes, embedding) in [
                (codes * 3 / 2, shape.embedding),
                (codes, shape.embedding * 3 / 2),
                (codes * 2 / 3, shape.embedding),
                (codes, shape.embedding * 2 / 3),
            ] {
                let (codes, embedding) = (codes.clamp(2, 32) & !1, embedding.clamp(16, 256));
                // A multiple of an even number and of 8: codes of whole parts, and whole groups of 4-bit weights.
                let step = codes * (INT4_GROUP >> codes.trailing_zeros().min(3));
                near.push(Shape {
                    rows: Rows::Codes(codes),
                    embedding: embedding.next_multiple_of(step),
                    ..*shape
                });
            }
            near.push(Shape {
                rows: Rows::Int4,
                embedding: whole_groups(shape.embedding / 3),
                ..*shape
            });
        }
        Rows::Int4 => {
            for embedding in [shape.embedding * 4 / 3, shape.embedding * 3 / 4] {
                near.push(Shape {
                    embedding: whole_groups(embedding.min(128)),
                    ..*shape
                });
            }
            near.push(Shape {
                rows: Rows::Codes(8),
                embedding: whole_groups(shape.embedding * 2).clamp(16, 256),
                ..*shape
            });
        }
    }
    for layers in [shape.layers + 1, shape.layers - 1] {
        let layers = layers.clamp(1, 6);
        near.push(Shape { layers, ..*shape });
    }
    near.push(Shape {
        dilated: !shape.dilated,
        ..*shape
    });
    for kernel in [shape.kernel + 1, shape.kernel - 1] {
        let kernel = kernel.clamp(2, 5);
        near.push(Shape { kernel, ..*shape });
    }
    near.retain(|other| other != shape);
    near
}

/// A width whose convolution may have 4-bit weights.
fn whole_groups(width: usize) -> usize {
    width.max(16).next_multiple_of(INT4_GROUP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distill::{Budget, shape_for};

    #[test]
    fn all_shapes_near_the_first_ones_are_sound() {
        for kilobytes in [10, 24, 48, 96, 224, 1024] {
            let budget = Budget {
                flash: kilobytes * 1024,
                ram: 6 * 1024,
            };
            let mut seen = vec![shape_for(budget)];
            // All within three changes.
            for _ in 0..3 {
                let near: Vec<Shape> = seen.iter().flat_map(neighbours).collect();
                for shape in near {
                    if !seen.contains(&shape) {
                        seen.push(shape);
                    }
                }
            }
            for shape in seen {
                let config = shape.sizes(budget);
                config
                    .validate()
                    .unwrap_or_else(|error| panic!("{shape:?}: {error}"));
            }
        }
    }
}
