package nearest

import "strings"

// Word returns the one of words that was most likely meant by typed; empty when none is near. A word is near when it
// differs by one letter, or by one letter for every three of typed: left out, too many, wrong or swapped. Case and the
// difference between - and _ do not count. A typed word that is a whole part of just one other is near that one:
// endpoint means otlp-endpoint.
func Word(typed string, words []string) string {
	typed = plain(typed)
	if typed == "" {
		return ""
	}
	best, least := "", max(1, len([]rune(typed))/3)+1
	for _, word := range words {
		if d := distance(typed, plain(word)); d < least {
			best, least = word, d
		}
	}
	if best != "" {
		return best
	}
	for _, word := range words {
		if !strings.Contains("-"+plain(word)+"-", "-"+typed+"-") {
			continue
		}
		if best != "" {
			return ""
		}
		best = word
	}
	return best
}

// Ask is " (did you mean …?)" for the nearest word, to be put behind an error; empty when none is near.
func Ask(typed string, words []string) string {
	word := Word(typed, words)
	if word == "" {
		return ""
	}
	return " (did you mean " + word + "?)"
}

func plain(word string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(word)), "_", "-")
}

// distance counts the letters to insert, delete, replace, or swap with their neighbour, to make b of a.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	before, above, row := make([]int, len(to)+1), make([]int, len(to)+1), make([]int, len(to)+1)
	for j := range above {
		above[j] = j
	}
	for i, r := range from {
		row[0] = i + 1
		for j, s := range to {
			cost := 1
			if r == s {
				cost = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+cost)
			if i > 0 && j > 0 && r == to[j-1] && from[i-1] == s {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(to)]
}
