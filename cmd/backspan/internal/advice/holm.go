package advice

import (
	"cmp"
	"slices"
)

// familyWise is how often a log in which nothing is wrong may yield a finding, of whatever kind.
const familyWise = 0.05

// holm adjusts the p-values of all that was looked at by the correction of Holm: what is at most familyWise then may be
// said. It holds however the p-values depend on each other.
func holm(p []float64) (adjusted []float64) {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	adjusted = make([]float64, len(p))
	most := 0.0
	for rank, i := range order {
		most = max(most, min(1, p[i]*float64(len(p)-rank)))
		adjusted[i] = most
	}
	return adjusted
}

// inSeveral is the p-value of "it was so in at least minHours hours", given those of "it was so in this hour": that of
// the partial conjunction (Benjamini and Heller). One hour, however bad, proves nothing about the others.
func inSeveral(hourly []float64) float64 {
	if len(hourly) < minHours {
		return 1
	}
	sorted := slices.Sorted(slices.Values(hourly))
	return min(1, float64(len(sorted)-minHours+1)*sorted[minHours-1])
}
