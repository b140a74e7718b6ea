// The raw load client of `make bench`: speaks just enough of Kafka's protocol, with the standard library alone, to be no
// bottleneck. Frames are built once, one thread serves all connections, answers are checked as they come.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// command runs one load against `address` and returns what it found, in units that the names tell.
type command func(flags *flag.FlagSet, arguments []string) (map[string]float64, error)

var commands = map[string]command{"produce": produce, "fetch": fetch, "small": small, "latency": latency, "transactions": transactions, "null": null}

func main() {
	runtime.LockOSThread()
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fail(fmt.Errorf("usage: load produce|fetch|small|latency|transactions|null [flags]"))
	}
	found, err := commands[os.Args[1]](flag.NewFlagSet(os.Args[1], flag.ExitOnError), os.Args[2:])
	if err != nil {
		fail(err)
	}
	line, err := json.Marshal(found)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

// stopwatch measures time and this process's CPU from one moment on.
type stopwatch struct {
	start      time.Time
	cpuSeconds float64
}

func startWatch() stopwatch {
	return stopwatch{time.Now(), cpuSeconds()}
}

func (w stopwatch) seconds() float64 {
	return time.Since(w.start).Seconds()
}

// report adds the measures that every load has: its seconds, and how many cores this client kept busy.
func (w stopwatch) report(found map[string]float64) map[string]float64 {
	found["seconds"] = w.seconds()
	found["clientCores"] = (cpuSeconds() - w.cpuSeconds) / found["seconds"]
	return found
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
