// Start-up of the emulated board: stack and entry for the core, zeroed variables, newlib's files over the debugger.
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

extern uint32_t stack_top[], __bss_start__[], __bss_end__[];
extern void initialise_monitor_handles(void);
extern int main(void);

void reset(void) {
    for (uint32_t *word = __bss_start__; word < __bss_end__; word++) {
        *word = 0;
    }
    initialise_monitor_handles();
    int status = main();
    fflush(stdout);
    _exit(status);
}

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[2] = {
    (uintptr_t)stack_top,
    (uintptr_t)reset,
};
