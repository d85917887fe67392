// kafkajs as it is used: a producer, consumers of groups. Its codecs besides gzip are plugged in, as its users do it.
'use strict'

const zlib = require('node:zlib')
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')
const snappy = require('kafkajs-snappy')
const lz4 = require('lz4js')
const lines = require('./lines.js')

CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer))
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => zlib.zstdCompressSync(encoder.buffer),
  decompress: async (buffer) => zlib.zstdDecompressSync(buffer)
})
const types = { none: 'None', gzip: 'GZIP', snappy: 'Snappy', lz4: 'LZ4', zstd: 'ZSTD' }

const client = (bootstrap) => new Kafka({ clientId: 'kafkajs', brokers: [bootstrap], logLevel: logLevel.ERROR })

// kafkajs keeps headers by name: several values are an array, which it sends as several headers.
function byName (headers) {
  const named = {}
  for (const [name, value] of headers) named[name] = name in named ? [named[name], value].flat() : value
  return named
}
const pairs = (named) => Object.entries(named ?? {}).flatMap(([name, value]) => [value].flat().map((one) => [name, one]))

async function produce (bootstrap) {
  const producer = client(bootstrap).producer()
  await producer.connect()
  for (const { topic, codec, records } of lines.topicsToProduce()) {
    const messages = records.map((record) => ({
      ...record, timestamp: String(record.timestamp), headers: byName(record.headers)
    }))
    await producer.send({ topic, messages, compression: CompressionTypes[types[codec]] })
  }
  await producer.disconnect()
}

async function consume (bootstrap) {
  const wanted = lines.topicsToConsume()
  let left = [...wanted.values()].reduce((sum, count) => sum + count, 0)
  const consumer = client(bootstrap).consumer({ groupId: `kafkajs-${process.pid}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [...wanted.keys()], fromBeginning: true })
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    consumer.run({
      eachMessage: async ({ topic, partition, message }) => {
        lines.print(topic, partition, message.offset, message.timestamp, message.key, message.value,
          pairs(message.headers))
        if (--left === 0) resolve()
      }
    }).catch(reject)
  })
  await consumer.disconnect()
}

async function member (bootstrap, group, topic) {
  const consumer = client(bootstrap).consumer({ groupId: group, sessionTimeout: 6000, heartbeatInterval: 300 })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
    lines.told('assigned', (payload.memberAssignment[topic] ?? []).join(',')))
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, heartbeat }) => {
      for (const message of batch.messages) {
        lines.told('record', batch.partition, message.offset, lines.textOf(message.value))
      }
      const offset = String(BigInt(batch.lastOffset()) + 1n)
      await consumer.commitOffsets([{ topic, partition: batch.partition, offset }])
      lines.told('committed', batch.partition, offset)
      await heartbeat()
    }
  })
  await new Promise((resolve) => process.on('SIGTERM', resolve))
  await consumer.disconnect()
}

lines.run({ produce, consume, member })
