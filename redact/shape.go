package redact

import "strings"

// A shape is what the tokens of one kind look like.
type shape struct {
	prefix string
	at     int // where in the prefix the notable byte is
	chars  func(byte) bool
	least  int  // characters behind the prefix
	digit  bool // one of them is a digit: the prefix alone may begin a word
}

var (
	capitalShapes = []shape{
		{"AKIA", 0, isCapital, 8, false},
		{"ASIA", 0, isCapital, 8, false},
		{"ABIA", 0, isCapital, 8, true},
		{"ACCA", 0, isCapital, 8, true},
		{"ABSK", 0, isAlnum, 40, false},  // Bedrock
		{"AKCp", 0, isAlnum, 20, false},  // Artifactory
		{"ATATT3", 0, isWord, 20, false}, // Atlassian
		{"ATCTT3", 0, isWord, 20, false}, // Atlassian
		{"ATBB", 0, isAlnum, 20, false},  // Bitbucket
		{"AIza", 0, isWord, 20, false},   // Google
		{"AGE-SECRET-KEY-1", 0, isCapital, 20, false},
		{"LTAI", 2, isAlnum, 10, true}, // Alibaba
	}
	innerShapes = []shape{
		{"eyJ", 2, isJWT, 8, false},  // JWT
		{"dapi", 2, isHex, 32, true}, // Databricks
	}
)

// dividedShapes are those whose prefix ends with a dash, an underscore or a dot, by the byte before it.
var dividedShapes = func() (table [256][]shape) {
	for _, kind := range []struct {
		shape
		prefixes string
	}{
		{shape{"", 0, isAlnum, 10, false}, "ghp_ gho_ ghu_ ghs_ ghr_"},
		{shape{"", 0, isWord, 10, false}, "github_pat_"},
		{shape{"", 0, isWord, 10, true}, "dckr_pat_ dckr_oat_"},
		{shape{"", 0, isAlnum, 8, false}, "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_"},
		{shape{"", 0, isAlnum, 16, false}, "shpat_ shpca_ shppa_ shpss_"},
		{shape{"", 0, isAlnum, 20, false}, "npm_ hf_ dop_v1_ doo_v1_ dor_v1_ lin_api_ gsk_ " +
			"rubygems_ sntryu_ ntn_ fo1_ pnu_"},
		{shape{"", 0, isWord, 16, false}, "whsec_"},
		{shape{"", 0, isWord, 20, true}, "glsa_ glc_ tfp_ figd_ sntrys_ pscale_tkn_ pscale_pw_ pscale_oauth_ " +
			"rdme_ r8_"},
		{shape{"", 0, isWord, 8, false}, "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs-"},
		{shape{"", 0, isWord, 8, true}, "xapp-"},
		{shape{"", 0, isToken, 16, true}, "glpat- gldt- glrt- glptt- glcbt- glft- glimt- glagent- gloas- glffct- " +
			"glsoat-"},
		{shape{"", 0, isWord, 20, true}, "sk- pypi- GOCSPX- PMAK- NRAK- NRII- HRKU- pul- xkeysib- xsmtpsib- " +
			"pplx- xai- rnd-"},
		{shape{"", 0, isWord, 10, false}, "tskey-auth- tskey-api- tskey-client- tskey-scim- tskey-webhook- nvapi- " +
			"sq0atp- sq0csp-"},
		{shape{"", 0, isToken, 20, true}, "hvs. hvb. hvr. SG. ya29. dt0c01. dt0s01. dp.pt. dp.st. dp.sa."},
	} {
		for prefix := range strings.FieldsSeq(kind.prefixes) {
			kind.prefix, kind.at = prefix, len(prefix)-1
			last := prefix[len(prefix)-2]
			table[last] = append(table[last], kind.shape)
		}
	}
	return table
}()

// inDivided finds a token whose prefix ends with the divider at i.
func inDivided(text string, i int) place {
	return inShape(text, i, dividedShapes[before(text, i)])
}

// inShape finds a token that has one of the shapes, with the notable byte of its prefix at i.
func inShape(text string, i int, shapes []shape) place {
	for k := range shapes {
		s := &shapes[k]
		from := i - s.at
		if from < 0 || text[from] != s.prefix[0] || !strings.HasPrefix(text[from:], s.prefix) ||
			from > 0 && isAlnum(text[from-1]) {
			continue
		}
		begin := from + len(s.prefix)
		to := begin
		for to < len(text) && s.chars(text[to]) {
			to++
		}
		if to-begin < s.least || s.digit && !hasDigit(text[begin:to]) {
			return place{to, to}
		}
		return place{from, to}
	}
	return place{}
}

// inBotToken finds the secret part of a Telegram bot's token, 123456789:AA…, whose colon is at i.
func inBotToken(text string, i int) place {
	if i+1 == len(text) || text[i+1] != 'A' || i < 6 || !allDigits(text[i-6:i]) {
		return place{}
	}
	to := i + 1
	for to < len(text) && isWord(text[to]) {
		to++
	}
	if to-i <= 30 {
		return place{to, to}
	}
	return place{i + 1, to}
}

func allDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }
