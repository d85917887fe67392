// What the JavaScript clients share: the lines of README.md, in and out.
'use strict'

const fs = require('node:fs')

const bytesOf = (text) => (text === '-' ? null : Buffer.from(text, 'hex'))
const textOf = (bytes) => (bytes === null || bytes === undefined ? '-' : Buffer.from(bytes).toString('hex'))

function headersOf (text) {
  if (text === '') return []
  return text.split(',').map((header) => {
    const [name, value] = header.split(':')
    return [name, bytesOf(value)]
  })
}

const input = () => fs.readFileSync(0, 'utf8').split('\n').filter((line) => line !== '').map((line) => line.split('\t'))

// What to produce, by topic: [{topic, codec, records}].
function topicsToProduce () {
  const topics = new Map()
  for (const [codec, topic, partition, timestamp, key, value, headers] of input()) {
    if (!topics.has(topic)) topics.set(topic, { topic, codec, records: [] })
    topics.get(topic).records.push({
      partition: Number(partition),
      timestamp: Number(timestamp),
      key: bytesOf(key),
      value: bytesOf(value),
      headers: headersOf(headers)
    })
  }
  return [...topics.values()]
}

// How many records are wanted, by topic.
const topicsToConsume = () => new Map(input().map(([topic, count]) => [topic, Number(count)]))

// `headers`: pairs of name and bytes.
function print (topic, partition, offset, timestamp, key, value, headers) {
  const texts = headers.map(([name, bytes]) => `${name}:${textOf(bytes)}`)
  const fields = [topic, partition, offset, timestamp, textOf(key), textOf(value), texts.join(',')]
  fs.writeSync(1, fields.join('\t') + '\n')
}

const told = (...fields) => fs.writeSync(1, fields.join('\t') + '\n')

// Does each line with the one of `verbs` that it names. `codeOf`: Kafka's error code of an error, undefined where it has none.
async function administer (verbs, codeOf) {
  for (const [verb, ...fields] of input()) {
    try {
      told(verb, await verbs[verb](...fields) ?? '')
    } catch (error) {
      const code = codeOf(error)
      if (code === undefined) throw error
      told(verb, `refused ${code}`)
    }
  }
}

// Runs one of `commands` by the command line, and ends with it.
function run (commands) {
  const [command, bootstrap, ...rest] = process.argv.slice(2)
  commands[command](bootstrap, ...rest).then(
    () => process.exit(0),
    (error) => {
      console.error(error)
      process.exit(1)
    })
}

// `count` values for one partition, in order, `size` at a time.
function * numbered (count, size) {
  for (let begin = 0; begin < count; begin += size) {
    yield Array.from({ length: Math.min(size, count - begin) }, (_, i) => Buffer.from(String(begin + i)))
  }
}

module.exports = { topicsToProduce, topicsToConsume, print, told, textOf, administer, numbered, run }
