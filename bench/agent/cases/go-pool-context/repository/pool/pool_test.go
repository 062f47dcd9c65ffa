package pool

import (
	"errors"
	"sync/atomic"
	"testing"
)

func TestMapTriesAll(t *testing.T) {
	var calls int32
	bad := errors.New("bad")
	err := Map([]int{1, 2, 3}, 2, func(item int) error {
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
