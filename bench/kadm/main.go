// Compared by bench/kafka_sweep.py: franz-go's kadm.Lag over a whole cluster, once per input line, with one JSON line as output,
// so that both programs take turns on the same machine.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

type reading struct {
	WallS  float64 `json:"wall_s"`
	CPUS   float64 `json:"cpu_s"`
	Groups int     `json:"groups"`
	Rows   int     `json:"rows"`
	Lag    int64   `json:"lag"`
	RSSKiB int64   `json:"rss_kib"`
}

func usage() (float64, int64) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(used.Utime) + seconds(used.Stime), used.Maxrss
}

func read(client *kadm.Client) (reading, error) {
	before, _ := usage()
	began := time.Now()
	lags, err := client.Lag(context.Background())
	if err == nil {
		err = lags.Error()
	}
	if err != nil {
		return reading{}, err
	}
	found := reading{WallS: time.Since(began).Seconds(), Groups: len(lags)}
	after, rss := usage()
	found.CPUS, found.RSSKiB = after-before, rss
	for _, group := range lags {
		for _, partitions := range group.Lag {
			for _, row := range partitions {
				if row.Commit.At >= 0 {
					found.Rows++
					found.Lag += row.Lag
				}
			}
		}
	}
	return found, nil
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: %s HOST:PORT,...", os.Args[0])
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(os.Args[1], ",")...))
	if err != nil {
		return err
	}
	defer client.Close()
	output := json.NewEncoder(os.Stdout)
	turns := bufio.NewScanner(os.Stdin)
	for turns.Scan() {
		found, err := read(kadm.NewClient(client))
		if err != nil {
			return err
		}
		if err := output.Encode(found); err != nil {
			return err
		}
	}
	return turns.Err()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
