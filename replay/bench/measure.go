package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	kafkasink "backstitch/replay/sink/kafka"

	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Figures are of one run.
type Figures struct {
	Records int64
	Wall    time.Duration
	CPU     time.Duration // of this process, user and system
	Allocs  uint64
	Peak    int64 // bytes of memory at most, resident
}

// PerRecord is the CPU time of one record.
func (f Figures) PerRecord() float64 { return float64(f.CPU.Nanoseconds()) / float64(f.Records) }

// Measure runs what on a fresh topic, checks what it wrote, and deletes the topic.
func Measure(ctx context.Context, load Load, partitions int32, want record.Sum, what func(context.Context, Load) (int64, error)) (f Figures, err error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(load.Broker))
	if err != nil {
		return f, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	load.Topic = fmt.Sprint("run-", load.Serial)
	if _, err := adm.CreateTopic(ctx, partitions, 1, nil, load.Topic); err != nil {
		return f, err
	}
	defer func() {
		_, derr := adm.DeleteTopic(ctx, load.Topic)
		err = errors.Join(err, derr)
	}()
	runtime.GC()
	resetPeak()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, begun := cpuTime(), time.Now()
	f.Records, err = what(ctx, load)
	f.Wall, f.CPU = time.Since(begun), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	f.Allocs, f.Peak = after.Mallocs-before.Mallocs, peak()
	if err != nil {
		return f, err
	}
	return f, check(ctx, load, partitions, f.Records, want)
}

// check reads the topic back and compares count and multiset hash.
func check(ctx context.Context, load Load, partitions int32, count int64, want record.Sum) error {
	s, err := kafkasink.New(kafkasink.Config{
		Client: []kgo.Opt{kgo.SeedBrokers(load.Broker)}, Cluster: "check", Topic: load.Topic,
		InFlightBytes: 1, BatchBytes: 1 << 20, TransactionTimeout: time.Minute, OpenTimeout: time.Minute,
	})
	if err != nil {
		return err
	}
	defer s.Close()
	var sum record.Sum
	var n int64
	var hasher record.Hasher
	for part := range partitions {
		start, end, err := s.Bounds(ctx, part)
		if err != nil {
			return err
		}
		r, err := s.Read(ctx, part, start, end)
		if err != nil {
			return err
		}
		for {
			b, err := r.Next(ctx)
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			for i := range b.Records {
				sum.Add(hasher.Hash(&b.Records[i], record.FieldValue))
			}
			n += int64(len(b.Records))
			b.Release()
		}
	}
	if n != count || sum != want {
		return fmt.Errorf("%s holds %d records with sum %x, want %d with %x", load.Topic, n, sum.Bytes(), count, want.Bytes())
	}
	return nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the call can not fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// resetPeak makes peak count from now on, where the system allows that.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

func peak() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb << 10
		}
	}
	return 0
}
