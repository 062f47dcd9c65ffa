package money

import "testing"

func TestBothWays(t *testing.T) {
	for _, text := range []string{"0.00", "12.05", "-12.05", "-1.00"} {
		if amount, err := Parse(text); err != nil || amount.String() != text {
			t.Errorf("%s became %s (%v)", text, amount, err)
		}
	}
}
