// Package image holds the Dockerfile to the program: what the build needs is not ignored, the user is that of the chart, and the binary is
// static, stripped and small enough. No image is built here, for there is no engine to build one.
//
// It needs what make packages leaves in bin.
package image
