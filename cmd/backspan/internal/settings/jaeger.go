package settings

import (
	"net/url"
	"os"
	"strings"
)

// JaegerURL is where Jaeger's pages are, as $BACKSPAN_JAEGER_URL says; empty: nobody says. It may hold a password.
func JaegerURL() string { return strings.TrimSuffix(os.Getenv("BACKSPAN_JAEGER_URL"), "/") }

// PublicURL is address as it may be printed: without its user, its password, and what stands behind ? or #.
func PublicURL(address string) string {
	if u, err := url.Parse(address); err == nil && u.Opaque == "" {
		u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
		return u.String()
	}
	if i := strings.IndexAny(address, "?#"); i >= 0 {
		address = address[:i]
	}
	if at := strings.LastIndex(address, "@"); at >= 0 {
		return "…" + address[at:]
	}
	return address
}
