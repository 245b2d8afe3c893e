package fault

// nearest is the word that was probably meant, "" when none is near.
func nearest(text string, words []string) string {
	best, least := "", 1+len(text)/3
	for _, w := range words {
		if d := distance([]rune(text), []rune(w)); d <= least && (best == "" || d < least) {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to change, add or drop.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}

// Near is ", did you mean KIND?" for a kind that there is not, "" when none is near.
func Near(k Kind) string {
	var words []string
	for _, s := range Table {
		words = append(words, string(s.Kind))
	}
	if near := nearest(string(k), words); near != "" {
		return ", did you mean " + near + "?"
	}
	return ""
}
