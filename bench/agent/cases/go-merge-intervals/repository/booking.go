// Package booking finds out when a room is taken.
package booking

import "sort"

// Span is a time from Start up to, not including, End, in minutes of the day.
type Span struct{ Start, End int }

// Merge joins spans that overlap or touch. The result is sorted by Start.
func Merge(spans []Span) []Span {
	sort.Slice(spans, func(i, j int) bool { return spans[i].Start < spans[j].Start })
	merged := spans[:0]
	for _, span := range spans {
		if last := len(merged) - 1; last >= 0 && span.Start <= merged[last].End {
			merged[last].End = span.End
			continue
		}
		merged = append(merged, span)
	}
	return merged
}

// Free returns what is left of the day between the spans.
func Free(day Span, spans []Span) []Span {
	var free []Span
	start := day.Start
	for _, span := range Merge(spans) {
		if span.Start > start {
			free = append(free, Span{start, span.Start})
		}
		start = span.End
	}
	if start < day.End {
		free = append(free, Span{start, day.End})
	}
	return free
}
