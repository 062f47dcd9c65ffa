package booking

import (
	"reflect"
	"testing"
)

func TestMergeJoinsWhatOverlaps(t *testing.T) {
	got := Merge([]Span{{60, 120}, {100, 180}, {300, 360}})
	if want := []Span{{60, 180}, {300, 360}}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}
