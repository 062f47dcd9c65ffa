package money

import (
	"math"
	"testing"
)

func TestHidden(t *testing.T) {
	for text, cents := range map[string]Money{"-0.50": -50, "0.50": 50, "-0.05": -5, "-1.05": -105, "0.00": 0} {
		if got := cents.String(); got != text {
			t.Errorf("%d is printed as %s", int64(cents), got)
		}
		if got, err := Parse(text); err != nil || got != cents {
			t.Errorf("%s is read as %d (%v)", text, int64(got), err)
		}
	}
	if got := Money(math.MinInt64).String(); got != "-92233720368547758.08" {
		t.Errorf("the least is printed as %s", got)
	}
}
