//go:build !cgo

package main

func callC(asked map[string]int) {}
