package redact

import "strings"

// inElement finds what stands in an XML element whose name is a key. The end of its start tag is at i.
func inElement(text string, i int) place {
	start := max(0, i-maxJudged)
	start += strings.LastIndexAny(text[start:i], "<>") + 1
	if before(text, start) != '<' {
		return place{}
	}
	k := keyAt(upTo(text[start:i], " \t\r\n"))
	if k.kind == noKey {
		return place{}
	}
	from, end := i+1, byte('<')
	if strings.HasPrefix(text[from:], "<![CDATA[") {
		from, end = from+len("<![CDATA["), ']'
	}
	k.colon = true // words that errors say of a key stay
	value := upTo(text[from:min(len(text), from+maxJudged)], "<")
	if n := cutLength(value); n < len(value) && value[0] != ' ' {
		return k.quoted(text[:from+n], from, end, 0)
	}
	p := k.quoted(text, from, end, 0)
	rest := text[p.to:]
	tag := len(text) - len(strings.TrimPrefix(rest, "<"))
	switch value := p.of(text); {
	case strings.HasPrefix(rest, "</"), strings.HasPrefix(rest, "]]>"),
		isCut(text, tag) && !strings.HasPrefix(value, " "), // the end tag was cut, too
		tag == len(text) && !strings.Contains(value, " "):
		return p
	}
	return place{} // a placeholder: login <password> [host]
}
