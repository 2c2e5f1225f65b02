// Holds heap=MIB in Go's heap and goroutines=N, leaks in C as the environment variable LEAK asks, and waits.
package main

/*
#include <stdlib.h>
void leak(const char *words);
*/
import "C"

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

var kept [][]byte

func main() {
	asked := map[string]int{}
	for _, word := range os.Args[1:] {
		parts := strings.SplitN(word, "=", 2)
		asked[parts[0]], _ = strconv.Atoi(parts[1])
	}
	for index := 0; index < asked["heap"]<<8; index++ {
		kept = append(kept, make([]byte, 4000))
	}
	for index := 0; index < asked["goroutines"]; index++ {
		go time.Sleep(time.Hour)
	}
	C.leak(C.CString(os.Getenv("LEAK")))
	fmt.Println("ready")
	time.Sleep(time.Hour)
}
