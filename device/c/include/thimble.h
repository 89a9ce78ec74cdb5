// The engine of Thimble for C. Written by `cargo xtask c` from device/c/src/lib.rs; do not edit.

#ifndef THIMBLE_H
#define THIMBLE_H

#include <stddef.h>
#include <stdint.h>

// The most classes of a model.
#define THIMBLE_MAX_LABELS 64

// How a call went.
typedef enum thimble_status {
  // It did what it is for.
  THIMBLE_STATUS_OK = 0,
  // A pointer is null.
  THIMBLE_STATUS_NULL = 1,
  // The bytes do not begin as a model file does.
  THIMBLE_STATUS_NO_MODEL = 2,
  // The model file is of another format version.
  THIMBLE_STATUS_VERSION = 3,
  // The model file is cut short, too long or damaged.
  THIMBLE_STATUS_DAMAGED = 4,
  // The model file is whole and still unsound.
  THIMBLE_STATUS_UNSOUND = 5,
  // The memory is smaller than thimble_session_bytes says, or not aligned to 8 bytes.
  THIMBLE_STATUS_MEMORY = 6,
} thimble_status;

// A model and a text on its way through it, in memory of the caller's.
typedef struct thimble_session thimble_session;

// The answer to a text.
typedef struct thimble_scores {
  // Class with the largest logit.
  uint32_t label;
  // Number of classes.
  uint32_t labels;
  // Number of tokens that the text had.
  uint32_t tokens;
  // A logit a class, 4096 is 1.
  int32_t logits[THIMBLE_MAX_LABELS];
  // A calibrated probability a class, 32768 is 1.
  uint16_t probabilities[THIMBLE_MAX_LABELS];
} thimble_scores;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Bytes of memory that thimble_begin wants for this model file, whatever the length of a text. Writes 0 where it fails.
//
// # Safety
// `file` points to `file_bytes` readable bytes, `session_bytes` to a size_t.
enum thimble_status thimble_session_bytes(const uint8_t *file,
                                          size_t file_bytes,
                                          size_t *session_bytes);

// Checks a model file and makes a session for it in the caller's memory, before the first byte of a text.
//
// # Safety
// `file` points to `file_bytes` bytes that stay as they are as long as the session is used, `memory` to `memory_bytes` that
// nothing else uses meanwhile, `session` to a pointer.
enum thimble_status thimble_begin(const uint8_t *file,
                                  size_t file_bytes,
                                  uint8_t *memory,
                                  size_t memory_bytes,
                                  struct thimble_session **session);

// Takes the next bytes of the text, which may be cut anywhere, also in the middle of a character.
//
// # Safety
// `session` comes from thimble_begin, `bytes` points to `count` readable bytes.
enum thimble_status thimble_push(struct thimble_session *session,
                                 const uint8_t *bytes,
                                 size_t count);

// Ends the text and scores it; the next byte is the first of another text.
//
// # Safety
// `session` comes from thimble_begin, `scores` points to a place for the answer.
enum thimble_status thimble_finish(struct thimble_session *session, struct thimble_scores *scores);

// Name of a class: `length` bytes of UTF-8 in the model file, without a zero at their end. Null if there is no such class.
//
// # Safety
// `session` comes from thimble_begin, `length` points to a size_t.
const char *thimble_label(const struct thimble_session *session,
                          uint32_t index,
                          size_t *length);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* THIMBLE_H */
