// Package nearest finds the word that was meant: for flags, their values and the keys of files.
//
//	nearest.Word("--otlp-endpont", flags) // "--otlp-endpoint"
//
// Of several that are equally near the first one counts, and of words that are too far from all others nothing is
// said: a wrong guess helps less than none.
package nearest
