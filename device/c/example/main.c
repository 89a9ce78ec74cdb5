// Classifies texts with a model in flash, and prints for each: label, tokens, logits.
#include <stdio.h>
#include <string.h>

#include "thimble.h"

// Between these symbols lies the model file, put there by model.S.
extern const uint8_t model_begin[], model_end[];

static uint64_t memory[1024];

static int classify(thimble_session *session, const char *text) {
    // Any cut will do; here the text comes in pieces of 5 bytes, as from a serial line.
    for (size_t left = strlen(text); left > 0;) {
        size_t piece = left < 5 ? left : 5;
        thimble_push(session, (const uint8_t *)text, piece);
        text += piece;
        left -= piece;
    }
    thimble_scores scores;
    if (thimble_finish(session, &scores) != THIMBLE_STATUS_OK) {
        return 1;
    }
    size_t length;
    const char *label = thimble_label(session, scores.label, &length);
    printf("%.*s %u", (int)length, label, (unsigned)scores.tokens);
    for (unsigned i = 0; i < scores.labels; i++) {
        printf(" %ld", (long)scores.logits[i]);
    }
    printf("\n");
    return 0;
}

int main(void) {
    const size_t file_bytes = (size_t)(model_end - model_begin);
    size_t needed;
    thimble_status status = thimble_session_bytes(model_begin, file_bytes, &needed);
    if (status != THIMBLE_STATUS_OK || needed > sizeof memory) {
        fprintf(stderr, "no usable model: status %d, %u bytes of RAM needed\n", (int)status, (unsigned)needed);
        return 1;
    }
    thimble_session *session;
    status = thimble_begin(model_begin, file_bytes, (uint8_t *)memory, sizeof memory, &session);
    if (status != THIMBLE_STATUS_OK) {
        return 1;
    }
    // A damaged model is refused.
    static uint8_t damaged[64];
    memcpy(damaged, model_begin, sizeof damaged);
    if (thimble_session_bytes(damaged, sizeof damaged, &needed) != THIMBLE_STATUS_DAMAGED) {
        return 1;
    }
    static const char *const texts[] = {
        "a gorgeous, witty, seductive movie",
        "the plot is dull beyond words",
        "",
        "na\xc3\xafve, \xe5\xad\x97 and \xff",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (classify(session, texts[i]) != 0) {
            return 1;
        }
    }
    return 0;
}
