#ifndef UNITS_H
#define UNITS_H

/* "10k", "3M2k": sums of numbers with units; a number without a unit counts as it is. -1: not understood, or too large. */
long long parse_size(const char *text);     /* bytes: k, M, G */
long long parse_duration(const char *text); /* seconds: s, m, h, d */
#endif
