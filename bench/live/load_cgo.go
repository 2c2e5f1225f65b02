//go:build cgo

package main

/*
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *hold(size_t size) { char *block = malloc(size); memset(block, 1, size); return block; }
static void hold_and_wait(int count, size_t size) { while (count--) hold(size); pause(); }
*/
import "C"

import "time"

// threads=N that wait in C, each with blocks=N of size=BYTES
func callC(asked map[string]int) {
	for index := 0; index < asked["threads"]; index++ {
		go C.hold_and_wait(C.int(asked["blocks"]), C.size_t(asked["size"]))
	}
	time.Sleep(time.Second)
}
