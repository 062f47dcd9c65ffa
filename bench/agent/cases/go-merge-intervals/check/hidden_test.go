package booking

import (
	"reflect"
	"testing"
)

func TestHiddenInside(t *testing.T) {
	given := []Span{{300, 360}, {60, 240}, {100, 120}, {240, 250}}
	before := append([]Span(nil), given...)
	if got, want := Merge(given), []Span{{60, 250}, {300, 360}}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if !reflect.DeepEqual(given, before) {
		t.Fatalf("the caller's spans are now %v", given)
	}
}

func TestHiddenFree(t *testing.T) {
	got := Free(Span{0, 600}, []Span{{60, 240}, {100, 120}})
	if want := []Span{{0, 60}, {240, 600}}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if got := Merge(nil); len(got) != 0 {
		t.Fatalf("got %v", got)
	}
}
