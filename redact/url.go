package redact

import "strings"

// Bytes that end a part of a URL.
const (
	urlEnds  = " \t\r\n\v\f\"'<>`"
	userEnds = urlEnds + "/?#:@[]"
)

// inURL finds the password of a URL whose "://" is at i, or the secret path of a web hook.
func inURL(text string, i int) place {
	host := i + len("://")
	colon := host + len(upTo(text[host:], userEnds))
	if colon == len(text) || text[colon] != ':' {
		if p := (place{host, colon}); colon < len(text) && text[colon] == '@' && isUserToken(text, p) {
			return p
		}
		return inHook(text, host)
	}
	p, user := urlPassword(text, i, colon), place{host, colon}
	if isUserToken(text, user) {
		switch end := max(p.to, colon+1); {
		case end == len(text) || text[end] != '@':
		case p.to == 0:
			return user
		default: // https://TOKEN:x-oauth-basic@host
			return place{host, p.to}
		}
	}
	return p
}

// isUserToken reports whether the user's name in a URL is a token, as servers of git and of APIs take it.
func isUserToken(text string, user place) bool {
	scheme, name := text[:user.from-len("://")], user.of(text)
	if !endsFold(scheme, "http") && !endsFold(scheme, "https") || strings.ContainsFunc(name, isNoWord) {
		return false
	}
	if strings.HasPrefix(text[user.to:], ":@") && len(name) >= minKeyed { // what else would prove who it is?
		return hasDigit(name) || strings.ContainsAny(name, "-_")
	}
	return len(name) >= 20 && hasDigit(name) && hasLetter(name) && !strings.ContainsAny(name, "-_") // build-agent-12
}

func isNoWord(r rune) bool { return r >= 0x80 || !isWord(byte(r)) }

// urlPassword finds the password of a URL whose "://" is at i. The colon behind the user's name, or behind the host, is
// at colon.
func urlPassword(text string, i, colon int) place {
	from := colon + 1
	run := upTo(text[from:], urlEnds+"/?#")
	if n := strings.LastIndexByte(run, '@'); n > 0 {
		return place{from, from + n}
	}
	// A password with a slash in it has something else than digits before the slash: else that is a port.
	digits := len(run) - len(strings.TrimLeft(run, "0123456789"))
	if rest := text[from+digits:]; rest != "" && strings.IndexByte(urlEnds+"/?#@", rest[0]) < 0 {
		if n := len(upTo(rest, urlEnds+"@:")); n < len(rest) && rest[n] == '@' {
			n += max(0, strings.LastIndexByte(upTo(rest[n:], urlEnds+"/?#"), '@')) // it may have one in it, too
			return place{from, from + digits + n}
		}
	}
	scheme := i
	for scheme > 0 && (isAlnum(text[scheme-1]) || text[scheme-1] == '+') && scheme > i-maxFlag {
		scheme--
	}
	// With other schemes, as in docker://alpine:latest, it may be anything.
	if colon == i+len("://") || !schemesWithPasswords[strings.ToLower(text[scheme:i])] {
		return place{}
	}
	// The URL was cut off in its password.
	password := upTo(run, "@:,;)]}…")
	if isCut(text, from+len(run)) && hasLetter(password) { // brackets belong to it, rather than to what is around it
		password = run
	}
	end := from + len(password)
	least := minKeyed
	if isCut(text, end) {
		least = 1
	}
	if len(password) < least || !hasLetter(password) ||
		end < len(text) && strings.IndexByte("@:/?#<>", text[end]) >= 0 {
		return place{}
	}
	return place{from, end}
}

var schemesWithPasswords = func() map[string]bool {
	all := map[string]bool{}
	for _, scheme := range strings.Fields(`postgres postgresql mysql mariadb mongodb mongodb+srv redis rediss amqp amqps
		sqlserver mssql clickhouse nats ldap ldaps ftp ftps sftp smtp smtps imap imaps http https ws wss socks5 socks5h`) {
		all[scheme] = true
	}
	return all
}()

// hooks are the beginnings of URLs whose paths are secrets.
var hooks = []string{
	"hooks.slack.com/services/", "hooks.slack.com/workflows/", "hooks.slack.com/triggers/",
	"discord.com/api/webhooks/", "discordapp.com/api/webhooks/",
}

// inHook finds the secret path of a web hook, whose host begins at host.
func inHook(text string, host int) place {
	from := host
	for _, hook := range hooks {
		if strings.HasPrefix(text[host:], hook) {
			from += len(hook)
		}
	}
	domain := upTo(text[host:min(len(text), host+maxJudged)], urlEnds+"/")
	if strings.HasSuffix(domain, ".webhook.office.com") {
		from += len(domain)
	}
	if from == host {
		return place{}
	}
	return place{from, from + len(upTo(text[from:], urlEnds))}
}

// networks are those of MySQL's driver.
var networks = wordSet("tcp tcp4 tcp6 udp unix cloudsql")

// behindPort finds the password in net/url's "invalid port", whose colon or quote is at i.
func behindPort(text string, _, i int) place {
	p := badPort.at(text, i)[0]
	head := text[max(0, i-maxJudged):i]
	_, url, ok := strings.Cut(head, "://")
	// A port with a letter in it; longer ones are masked in the URL, too.
	if !hasLetter(p.of(text)) || ok && p.to-p.from < minKeyed && !strings.Contains(url, "@") {
		return place{}
	}
	return p
}

// oraclePrograms take user/password@host.
var oraclePrograms = []string{"sqlplus", "sqlldr", "expdp", "impdp"}

// inOracle finds the password of jdbc:oracle:thin:user/password@host, and of sqlplus user/password@host. The @ is at i.
func inOracle(text string, i int) place {
	source := text[max(0, i-maxJudged):i]
	slash := strings.LastIndexByte(source, '/')
	if slash < 1 || slash == len(source)-1 || !isWord(source[slash-1]) { // most texts, also those with URLs
		return place{}
	}
	user := source[strings.LastIndexAny(source[:slash], urlEnds)+1 : slash]
	p := place{i - len(source) + slash + 1, i}
	if strings.ContainsAny(p.of(text), urlEnds) {
		return place{}
	}
	if strings.Contains(user, "jdbc:oracle:") {
		return p
	}
	for _, program := range oraclePrograms {
		if !strings.ContainsFunc(user, isNoWord) && isArgumentOf(text, i, program) {
			return p
		}
	}
	return place{}
}

// inDataSource finds the password of user:password@tcp(host)/db, as MySQL's driver takes it. The @ is at i. The
// password may hold anything but white space.
func inDataSource(text string, i int) place {
	if p := inOracle(text, i); p.to > 0 {
		return p
	}
	address := i + 1
	for address < len(text) && address < i+maxFlag && (isWord(text[address]) || text[address] == '+') {
		address++
	}
	cut := isCut(text, address) && networks[text[i+1:address]]
	if !cut && (address == len(text) || text[address] != '(' && (text[address] != '/' || address > i+1)) {
		return place{}
	}
	from, colon := i, false // where it begins, and whether a colon is in it
	for from > max(0, i-maxJudged) {
		c := text[from-1]
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			break
		}
		// What it is in: dsn="user:password@tcp(host)"
		if colon && (c == '"' || c == '\'' || c == '<' || c == '`') && !isAlnum(before(text, from-1)) {
			break
		}
		colon = colon || c == ':'
		from--
	}
	source := text[from:i]
	user, password, ok := strings.Cut(source, ":")
	if !ok || user == "" || password == "" || strings.HasPrefix(password, "//") {
		return place{}
	}
	return place{i - len(password), i}
}
