// Start-up of the emulated board: stack and entry for the core, then newlib's own start.
#include <stdint.h>

extern uint32_t stack_top[];
extern void _start(void);

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[2] = {
    (uintptr_t)stack_top,
    (uintptr_t)_start,
};
