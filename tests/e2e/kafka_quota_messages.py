"""Layouts of the messages about client quotas, and bodies of them."""
from kafka_wire import Api, Field

_ENTITY = ([Field('type', 'string'), Field('name', 'string', nullable=0)],)

DESCRIBE_CLIENT_QUOTAS = Api(
    'DescribeClientQuotas', 48, 1,
    [Field('components', ([
        Field('type', 'string'),
        Field('match_type', 'int8'),
        Field('match', 'string', nullable=0),
    ],)),
     Field('strict', 'bool')],
    [Field('throttle_ms', 'int32'),
     Field('error', 'int16'),
     Field('error_message', 'string', nullable=0),
     Field('entries', ([
         Field('entity', _ENTITY),
         Field('values', ([Field('key', 'string'), Field('value', 'float64')],)),
     ],), nullable=0)])

ALTER_CLIENT_QUOTAS = Api(
    'AlterClientQuotas', 49, 1,
    [Field('entries', ([
        Field('entity', _ENTITY),
        Field('operations', ([
            Field('key', 'string'),
            Field('value', 'float64'),
            Field('remove', 'bool'),
        ],)),
    ],)),
     Field('validate_only', 'bool')],
    [Field('throttle_ms', 'int32'),
     Field('entries', ([
         Field('error', 'int16'),
         Field('error_message', 'string', nullable=0),
         Field('entity', _ENTITY),
     ],))])

APIS = {api.key: api for api in (DESCRIBE_CLIENT_QUOTAS, ALTER_CLIENT_QUOTAS)}


def alter_client_quotas(entity, limits, validate_only=False):
    """`entity`: names by type, None for the default; `limits`: by key, None removes."""
    return {'entries': [{'entity': [{'type': kind, 'name': name} for kind, name in entity.items()],
                         'operations': [{'key': key, 'value': value or 0.0, 'remove': value is None}
                                        for key, value in limits.items()]}],
            'validate_only': validate_only}


def describe_client_quotas(*components, strict=False):
    """Each component: a type and a name, None for the default, ... for any."""
    return {'components': [{'type': kind, 'match_type': 2 if name is ... else 1 if name is None else 0,
                            'match': None if name is ... else name} for kind, name in components],
            'strict': strict}
