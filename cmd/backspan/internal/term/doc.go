// Package term says what the thing at the other end of a file can show: colours, redrawing, the letters beyond ASCII,
// and how wide it is.
//
// The rules are the ones that people know from other programs:
//
//   - colour: NO_COLOR (any value) turns it off; else CLICOLOR_FORCE (any value but 0) turns it on; else CLICOLOR=0
//     turns it off; else there is colour on a terminal, and none when TERM is dumb. A --color flag wins over all of
//     them (Colored).
//   - redrawing: on a terminal, unless TERM is dumb.
//   - ASCII only: when the locale (the first of LC_ALL, LC_CTYPE and LANG that is set) names another character set than
//     UTF-8, as C and POSIX do. A locale that is not set at all says nothing (containers have none), and the terminals
//     of today are UTF-8: it counts as UTF-8.
//   - width: of the terminal; else COLUMNS; else 80.
package term
