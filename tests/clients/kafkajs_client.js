// kafkajs as it is used: a producer, consumers of groups. Its codecs besides gzip are plugged in, as its users do it.
'use strict'

const zlib = require('node:zlib')
const { Kafka, CompressionTypes, CompressionCodecs, ConfigResourceTypes, logLevel } = require('kafkajs')
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

async function idempotent (bootstrap, topic, count) {
  const producer = client(bootstrap).producer({
    idempotent: true, maxInFlightRequests: 1, retry: { retries: 50, initialRetryTime: 10, maxRetryTime: 100 }
  })
  await producer.connect()
  for (const values of lines.numbered(Number(count), 10)) {
    await producer.send({ topic, acks: -1, messages: values.map((value) => ({ partition: 0, value })) })
  }
  await producer.disconnect()
}

async function admin (bootstrap) {
  const admin = client(bootstrap).admin({ retry: { retries: 1, initialRetryTime: 10 } })
  await admin.connect()
  const resource = (topic) => ({ type: ConfigResourceTypes.TOPIC, name: topic })
  await lines.administer({
    'create-topic': async (topic, partitions, name, value) => {
      // It makes no error of a topic that is there already.
      const made = await admin.createTopics({
        topics: [{ topic, numPartitions: Number(partitions), configEntries: [{ name, value }] }]
      })
      if (!made) throw Object.assign(new Error(topic), { code: 36 })
    },
    'delete-topic': (topic) => admin.deleteTopics({ topics: [topic] }),
    'create-partitions': async (topic, count) => {
      await admin.createPartitions({ topicPartitions: [{ topic, count: Number(count) }] })
    },
    'describe-config': async (topic, name) => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false, resources: [{ ...resource(topic), configNames: [name] }]
      })
      return resources[0].configEntries[0].configValue
    },
    'alter-configs': async (topic, name, value) => {
      await admin.alterConfigs({ resources: [{ ...resource(topic), configEntries: [{ name, value }] }] })
    },
    'delete-records': async (topic, partition, offset) => {
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: Number(partition), offset }] })
    },
    'end-offset': async (topic, partition) => {
      const offsets = await admin.fetchTopicOffsets(topic)
      return offsets.find((one) => one.partition === Number(partition)).offset
    },
    'list-groups': async () => (await admin.listGroups()).groups.map(({ groupId }) => groupId).sort().join(','),
    'describe-group': async (group) => (await admin.describeGroups([group])).groups[0].state,
    'group-offsets': async (groupId, topic) => {
      const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] })
      return partitions.map(({ partition, offset }) => `${partition}:${offset}`).sort().join(',')
    },
    'alter-group-offset': (groupId, topic, partition, offset) =>
      admin.setOffsets({ groupId, topic, partitions: [{ partition: Number(partition), offset }] }),
    'delete-group': async (group) => { await admin.deleteGroups([group]) }
  }, codeOf)
  await admin.disconnect()
}

// Errors of several things have theirs inside, each in its own way.
function codeOf (error) {
  const code = error?.code ?? error?.errorCode
  if (Number.isInteger(code)) return code
  const inside = [error?.cause, error?.error, ...(error?.errors ?? []), ...(error?.groups ?? []), ...(error?.partitions ?? [])]
  return inside.filter((one) => one).map(codeOf).find((one) => one !== undefined)
}

lines.run({ produce, consume, member, idempotent, admin })
