package pool

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestHiddenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var started, ended int32
	items := make([]int, 100)
	err := Map(ctx, items, 3, func(ctx context.Context, _ int) error {
		if atomic.AddInt32(&started, 1) == 3 {
			cancel()
		}
		<-ctx.Done()
		atomic.AddInt32(&ended, 1)
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if started != ended || started > 10 {
		t.Fatalf("%d started, %d ended", started, ended)
	}
}

func TestHiddenBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var calls int32
	err := Map(ctx, []int{1, 2, 3, 4, 5, 6, 7, 8}, 1, func(context.Context, int) error { atomic.AddInt32(&calls, 1); return nil })
	if !errors.Is(err, context.Canceled) || calls > 1 {
		t.Fatalf("got %v after %d calls", err, calls)
	}
}

func TestHiddenErrors(t *testing.T) {
	bad := errors.New("bad")
	var calls int32
	err := Map(context.Background(), []int{1, 2, 3}, 2, func(_ context.Context, item int) error {
		atomic.AddInt32(&calls, 1)
		if item == 2 {
			return bad
		}
		return nil
	})
	if err != bad || calls != 3 {
		t.Fatalf("got %v after %d calls", err, calls)
	}
}
