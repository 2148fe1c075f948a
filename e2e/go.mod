module github.com/backspan/backspan/e2e

go 1.26.0
