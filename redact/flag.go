package redact

import (
	"slices"
	"strings"
)

// inFlag finds the value of a flag of a command line, whose first dash is at i.
func inFlag(text string, i int) place {
	if i > 0 && strings.IndexByte(" \t\r\n\"'`([,", text[i-1]) < 0 {
		return place{}
	}
	start := i + 1
	if start < len(text) && text[start] == '-' {
		start++
	}
	end := start
	for end < len(text) && end < i+maxFlag && isWord(text[end]) {
		end++
	}
	k := keyAt(text[start:end])
	isUser := text[i:end] == "--user"
	switch {
	case k.kind != noKey || isUser:
	case start == i+1:
		return inShortFlag(text, i)
	default:
		return place{}
	}
	from := end
	for from < len(text) && from < end+4 && strings.IndexByte(" \t\"',", text[from]) >= 0 {
		from++
	}
	switch {
	case from == end || from == len(text) || text[from] == '-':
		return place{}
	case isUser:
		return ofUser(text, i, from)
	}
	if quote := text[from-1]; quote == '"' || quote == '\'' {
		return k.quoted(text, from, quote, 0)
	}
	k.kind, k.spaced = passKey, true // an equals sign might stand there
	return k.bare(text, from)
}

// maxFlag is the length of the longest flag that is looked at.
const maxFlag = 40

// passwordFlags are the short flags behind which a password stands, and the programs that have them.
var passwordFlags = []struct {
	letter   byte
	program  string
	attached bool // with a space in front, the flag means something else
}{
	{'p', "mysql", true},
	{'p', "mariadb", true},
	{'p', "sshpass", false},
	{'a', "redis-cli", false},
	{'w', "ldap", false},
}

// mysqlOptions are those that begin with p, without it, as somebody may write them with one dash.
var mysqlOptions = wordSet("ort rotocol ager lugin-dir rint-defaults")

// inShortFlag finds the password behind a flag of one letter. Without its program such a flag may be anything.
func inShortFlag(text string, i int) place {
	if i+2 >= len(text) || i > 0 && strings.IndexByte(argumentEnds, text[i-1]) < 0 {
		return place{}
	}
	from := i + 2
	for from < len(text) && from < i+5 && strings.IndexByte(" '\"", text[from]) >= 0 {
		from++
	}
	if text[i+1] == 'u' {
		return ofUser(text, i, from)
	}
	for _, f := range passwordFlags {
		if f.letter == text[i+1] && f.attached == (text[i+2] != ' ') && isArgumentOf(text, i, f.program) {
			p := place{from, from + argumentLength(text[from:])}
			if hasLetter(p.of(text)) && !mysqlOptions[upTo(p.of(text), "=")] {
				return p
			}
		}
	}
	return place{}
}

// ofUser finds the password in the argument of curl's -u name:password, which begins at from. The flag is at i.
func ofUser(text string, i, from int) place {
	if !isArgumentOf(text, i, "curl") {
		return place{}
	}
	argument := text[from : from+argumentLength(text[from:])]
	name, password, ok := strings.Cut(argument, ":")
	if !ok || password == "" {
		return place{}
	}
	return place{from + len(name) + 1, from + len(argument)}
}

// argumentLength is the length of the argument that s begins with, which may have a quote in front.
func argumentLength(s string) int { return len(upTo(s, argumentEnds)) }

// argumentEnds are the bytes that stand around an argument.
const argumentEnds = " \t\r\n'\""

// isArgumentOf reports whether program stands before i on the same line, in the same command.
func isArgumentOf(text string, i int, program string) bool {
	line := text[max(0, i-maxJudged):i]
	line = line[strings.LastIndexByte(line, '\n')+1:]
	n := strings.LastIndex(line, program)
	if n < 0 {
		return false
	}
	arguments := strings.TrimLeftFunc(line[n+len(program):], func(r rune) bool { return !isNoWord(r) })
	return !strings.HasPrefix(arguments, ":") && // "curl: …" is what it said
		!slices.ContainsFunc(commandEnds, func(end string) bool { return strings.Contains(arguments, end) })
}

// commandEnds stand between two commands, with spaces: without, they may be in an argument.
var commandEnds = []string{" | ", " && ", " || ", " ; "}

// upTo is s up to the first of stops.
func upTo(s, stops string) string {
	if n := strings.IndexAny(s, stops); n >= 0 {
		return s[:n]
	}
	return s
}
