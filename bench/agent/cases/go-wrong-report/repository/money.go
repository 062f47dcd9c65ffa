// Package money counts cents.
package money

import (
	"fmt"
	"strconv"
	"strings"
)

// Money is an amount in cents.
type Money int64

// String gives the amount with two decimals, such as -12.05.
func (m Money) String() string {
	cents := m % 100
	if cents < 0 {
		cents = -cents
	}
	return fmt.Sprintf("%d.%02d", m/100, cents)
}

// Parse reads what String gives. One decimal or none are understood too.
func Parse(text string) (Money, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	units, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no amount", text)
	}
	if len(fraction) > 2 {
		return 0, fmt.Errorf("%q has more than two decimals", text)
	}
	cents, err := strconv.ParseUint((fraction + "00")[:2], 10, 8)
	if err != nil {
		return 0, fmt.Errorf("%q is no amount", text)
	}
	if units < 0 {
		return Money(units*100 - int64(cents)), nil
	}
	return Money(units*100 + int64(cents)), nil
}
