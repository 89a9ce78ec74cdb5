// The model file, as bytes of the flash. MODEL is its path.
    .section .rodata.model, "a"
    .balign 8
    .global model_begin, model_end
model_begin:
    .incbin MODEL
model_end:
