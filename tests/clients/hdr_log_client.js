// Prints what HdrHistogram's own reader finds in a log: of each interval its count of values, its largest, its median.
'use strict'

const fs = require('node:fs')
const { HistogramLogReader } = require('hdr-histogram-js')
const lines = require('./lines.js')

async function read (path) {
  const reader = new HistogramLogReader(fs.readFileSync(path, 'utf8'))
  for (;;) {
    const histogram = reader.nextIntervalHistogram()
    if (histogram === null) return
    lines.told(histogram.totalCount, histogram.maxValue, histogram.getValueAtPercentile(50))
  }
}

lines.run({ read })
