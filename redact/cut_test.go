package redact_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/redact"
)

// Package boundtext cuts texts at white space, quotes and brackets, which a secret may hold.
func TestWhatIsLeftOfASecretThatWasCutIsMasked(t *testing.T) {
	for _, c := range []struct{ before, secret, after string }{
		{`{"password": "`, `ab (cde) S3cret`, `", "user": "bob"}`},
		{`{"password": "`, `a[b]c"d`, `", "user": "bob"}`},
		{`{\"password\": \"`, `ab (cde) S3cret`, `\", \"user\": \"bob\"}`},
		{`host=h password='`, `ab (cde) S3cret`, `' user=bob`},
		{`host=h password=`, `ab(cde)S3cret`, ` user=bob`},
		{`postgres://u:`, `ab(cde)S3cret`, `@host/db failed`},
		{`psql --password '`, `ab (cde) S3cret`, `' db`},
		{`postgres://u:`, `ab(cde)[S3cret]fg`, `@host/db failed`},
		{`dial u:`, `ab@cde/S3cret=fg`, `@tcp(h:3306)/db: refused`},
		{`host=h password='`, `ab [cde] <S3cret`, `' user=bob`},
		{`Authorization: Bearer `, `S3cretS3cretabcdefgh1`, ` to h`},
		{`Authorization: Digest `, `username="u", response="c0ffee"`, "\nHost: h"},
		{`Set-Cookie: `, `sid="ab cd"; tok=S3cret (x) y`, "\nHost: h"},
		{"-----BEGIN PRIVATE KEY-----\n", strings.Repeat("MIIEowIBAAKCAQEAu1SU1L\n", 4), "-----END PRIVATE KEY-----"},
		{`<password>`, `ab (cde) S3cret`, `</password>`},
		{`ALTER USER u PASSWORD '`, `ab (cde) S3cret`, `' VALID`},
		{"token ", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", " is bad"},
	} {
		text := strings.ReplaceAll(c.before+c.secret+c.after, `c"d`, `c\"d`)
		for pad := range 20 {
			leaf := errors.New(strings.Repeat("x ", pad) + text + strings.Repeat(" and so on", 20))
			err := fmt.Errorf("%s%w", strings.Repeat("<p>sorry</p> ", 40), leaf)
			for limit := 64; limit < 2*len(text)+64; limit++ {
				for _, cut := range []string{boundtext.Of(leaf.Error(), nil, limit), boundtext.Error(err, limit)} {
					got := redact.Secrets(cut)
					for _, part := range strings.FieldsFunc(c.secret, isDivider) {
						if len(part) > 1 && strings.Contains(got, part) {
							t.Fatalf("%q is in %q, of %q", part, got, cut)
						}
					}
				}
			}
		}
	}
}

func isDivider(r rune) bool { return strings.ContainsRune(" \n()[]<\"'\\;,=", r) }
