// Holds memory as asked and waits: goroutines=N heap=MIB garbage=MIB big=MIB profile=1
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

var kept [][]byte

func deep(depth int, done chan<- bool) {
	var frame [1024]byte
	if depth > 0 {
		deep(depth-1, done)
	} else {
		done <- true
		time.Sleep(time.Hour)
	}
	frame[depth%1024]++
}

func main() {
	asked := map[string]int{"goroutines": 10}
	for _, word := range os.Args[1:] {
		parts := strings.SplitN(word, "=", 2)
		asked[parts[0]], _ = strconv.Atoi(parts[1])
	}
	for index := 0; index < asked["heap"]<<10; index++ {
		kept = append(kept, make([]byte, 1000))
	}
	for index := 0; index < asked["big"]; index++ {
		kept = append(kept, make([]byte, 1<<20+index))
	}
	for index := 0; index < asked["garbage"]<<10; index++ {
		_ = append([]byte{}, make([]byte, 1024)...)
	}
	done := make(chan bool)
	for index := 0; index < asked["goroutines"]; index++ {
		go deep(20, done)
		<-done
	}
	callC(asked)
	runtime.GC()
	fmt.Println("ready")
	time.Sleep(time.Hour)
}
