// SPDX-License-Identifier: MIT
// Go: yield, and goroutines started and waited for; on one processor.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

func scaled(n, quick int) int {
	if os.Getenv("BENCH_QUICK") != "" {
		return quick
	}
	return n
}

func report(name string, took time.Duration, n int) {
	fmt.Printf("%s %.6g ns\n", name, float64(took.Nanoseconds())/float64(n))
}

func yields(name string, n, all int) {
	var done sync.WaitGroup
	done.Add(n)
	start := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			for j := 0; j < all/n; j++ {
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	done.Wait()
	report(name, time.Since(start), all/n*n)
}

func spawns(name string, size, all int) {
	start := time.Now()
	for i := 0; i < all/size; i++ {
		var done sync.WaitGroup
		done.Add(size)
		for j := 0; j < size; j++ {
			go done.Done()
		}
		done.Wait()
	}
	report(name, time.Since(start), all/size*size)
}

func main() {
	runtime.GOMAXPROCS(1)
	yields("yield/2", 2, scaled(5000000, 50000))
	yields("yield/1000", 1000, scaled(5000000, 50000))
	yields("yield/100000", 100000, scaled(5000000, 100000))
	spawns("spawn/one-by-one", 1, scaled(1000000, 10000))
	spawns("spawn/by-1000", 1000, scaled(1000000, 10000))
}
