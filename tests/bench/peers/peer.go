// SPDX-License-Identifier: MIT
// Go, on one processor: yield, goroutines, timers; `sleepers SIZE N`; `echo`, a server on descriptor 3.
package main

import (
	"context"
	"fmt"
	"math/rand"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func scaled(n, quick int) int {
	if os.Getenv("BENCH_QUICK") != "" {
		return quick
	}
	return n
}

// The process's own, as in the other programs.
func cpu() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func report(name string, took time.Duration, n int) {
	fmt.Printf("%s %.6g ns\n", name, float64(took.Nanoseconds())/float64(n))
}

func yields(name string, n, all int) {
	var done sync.WaitGroup
	done.Add(n)
	start := cpu()
	for i := 0; i < n; i++ {
		go func() {
			for j := 0; j < all/n; j++ {
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	done.Wait()
	report(name, cpu()-start, all/n*n)
}

func spawns(name string, size, all int, alive bool) {
	start := cpu()
	for i := 0; i < all/size; i++ {
		var done sync.WaitGroup
		done.Add(size)
		for j := 0; j < size; j++ {
			go func() {
				if alive {
					runtime.Gosched()
				}
				done.Done()
			}()
		}
		done.Wait()
	}
	report(name, cpu()-start, all/size*size)
}

func timers(name string, n int, when func() time.Duration) {
	start := cpu()
	for i := 0; i < n; i++ {
		time.AfterFunc(when(), func() {}).Stop()
	}
	report(name, cpu()-start, n)
}

func among() time.Duration {
	return time.Duration(1000+rand.Intn(1000)) * time.Second
}

func allTimers(n int) {
	far := func() time.Duration { return 1000000 * time.Second }
	timers("timer/alone", n, far)
	var live []*time.Timer
	for i := 0; i < 10000; i++ {
		live = append(live, time.AfterFunc(among(), func() {}))
	}
	timers("timer/far", n, far)
	timers("timer/among", n, among)
	for _, timer := range live {
		timer.Stop()
	}
}

func million(n int, unit time.Duration) {
	var done sync.WaitGroup
	done.Add(n)
	start := cpu()
	for i := 0; i < n; i++ {
		time.AfterFunc(unit+time.Duration(rand.Int63n(int64(unit))), done.Done)
	}
	done.Wait()
	report("timer/million", cpu()-start, n)
}

func timeouts(n int) {
	start := cpu()
	for i := 0; i < n; i++ {
		_, cancel := context.WithTimeout(context.Background(), 1000*time.Second)
		cancel()
	}
	report("timeout", cpu()-start, n)
}

// A line of /proc/self/status, in bytes.
func status(key string) float64 {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if words := strings.Fields(line); len(words) > 1 && words[0] == key+":" {
			kib, _ := strconv.ParseFloat(words[1], 64)
			return kib * 1024
		}
	}
	return 0
}

func sleepers(size string, n int) {
	var started, done sync.WaitGroup
	started.Add(n)
	done.Add(n)
	start, resident, tables := cpu(), status("VmRSS"), status("VmPTE")
	first := time.Now().Add(time.Duration(500+n*15/1000) * time.Millisecond)
	for i := 0; i < n; i++ {
		go func() {
			started.Done()
			time.Sleep(time.Until(first) + time.Duration(rand.Int63n(1e9)))
			done.Done()
		}()
	}
	started.Wait()
	time.Sleep(time.Millisecond)
	tables = status("VmPTE") - tables
	memory := status("VmRSS") - resident + tables
	maps, _ := os.ReadFile("/proc/self/maps")
	fmt.Printf("sleepers/%s/memory-each %.6g B\n", size, memory/float64(n))
	fmt.Printf("sleepers/%s/page-tables-each %.6g B\n", size, tables/float64(n))
	fmt.Printf("sleepers/%s/mappings %d maps\n", size, strings.Count(string(maps), "\n"))
	done.Wait()
	fmt.Printf("sleepers/%s/cpu %.6g s\n", size, (cpu() - start).Seconds())
}

func serve(connection net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := connection.Read(buf)
		if err != nil {
			break
		}
		connection.Write(buf[:n])
	}
	connection.Close()
}

func echo() {
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	for err == nil {
		var connection net.Conn
		if connection, err = listener.Accept(); err == nil {
			go serve(connection)
		}
	}
	panic(err)
}

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) > 3 {
		n, _ := strconv.Atoi(os.Args[3])
		sleepers(os.Args[2], n)
		return
	}
	if len(os.Args) > 1 {
		echo()
	}
	yields("yield/2", 2, scaled(5000000, 50000))
	yields("yield/1000", 1000, scaled(5000000, 50000))
	yields("yield/100000", 100000, scaled(5000000, 100000))
	spawns("spawn/one-by-one", 1, scaled(1000000, 10000), false)
	spawns("spawn/by-1000", 1000, scaled(1000000, 10000), false)
	spawns("spawn/1000-alive", 1000, scaled(1000000, 10000), true)
	timeouts(scaled(500000, 5000))
	allTimers(scaled(1000000, 10000))
	million(scaled(1000000, 20000), time.Duration(scaled(1000, 100))*time.Millisecond)
}
