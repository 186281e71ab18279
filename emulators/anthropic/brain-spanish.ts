import type { Topic } from './brain-english-care.ts';

/** The Spanish half of the companion; see brain-english-care.ts for the rules. */
export const SPANISH_TOPICS: readonly Topic[] = [
  {
    topic: 'end of life',
    match: /\b(quiero morir|no quiero vivir|quitarme la vida)/iu,
    replies: [
      'Gracias por decírmelo{name}. Usted importa mucho, y no tiene que llevarlo a solas. ¿Está a salvo ahora mismo?',
      'Me quedo aquí con usted. ¿Hay alguien cerca que pueda acompañarle?',
    ],
  },
  {
    topic: 'chest',
    match: /(dolor en el pecho|me duele el pecho|no puedo respirar|me falta el aire)/iu,
    replies: [
      'Eso necesita ayuda enseguida{name}. Por favor, llame al nueve uno uno. ¿Hay alguien con usted?',
      'No espere con eso, por favor. ¿Puede alcanzar el teléfono para pedir una ambulancia?',
    ],
  },
  {
    topic: 'fall',
    match: /(me caí|me he caído|una caída|me resbalé|me tropecé)/iu,
    replies: [
      'Ay, cuánto siento que se haya caído{name}. ¿Le duele algo?',
      'Gracias por contármelo. ¿Hay alguien con usted ahora?',
    ],
  },
  {
    topic: 'goodbye',
    match: /(adiós|hasta (luego|mañana|pronto)|buenas noches|tengo que irme)/iu,
    replies: [
      'Ha sido un gusto hablar con usted{name}. Cuídese mucho. Adiós.',
      'Gracias por la charla{name}. Hasta pronto. Adiós.',
    ],
  },
  {
    topic: 'interruption',
    match: /^(no,? )?(espere?|un momento|escuche?|perdón|pare)\W*(un momento|por favor)?\W*$/iu,
    replies: ['Claro, dígame.', 'Sí, le escucho.'],
  },
  {
    topic: 'medication',
    match: /(pastillas?|medicinas?|medicamentos?|receta|presión)/iu,
    replies: [
      'Qué bien que lo tenga en cuenta{name}. ¿Ya la tomó hoy?',
      'Muy bien. ¿Cómo se siente con ella?',
    ],
  },
  {
    topic: 'garden',
    match: /(jardín|flores|rosas|plantas?|tomates|regar|huerto)/iu,
    replies: [
      'Su jardín debe de ser una alegría{name}. ¿Qué está floreciendo ahora?',
      'No hay nada como lo que uno mismo planta. ¿Sale al jardín todos los días?',
    ],
  },
  {
    topic: 'family',
    match: /(niet[oa]s?|hij[oa]s?|herman[oa]s?|familia|sobrin[oa]s?|esposo|marido)/iu,
    replies: [
      'Qué bonito oír hablar de su familia{name}. ¿Cuándo los verá de nuevo?',
      'Seguro que está muy orgullosa de ellos. ¿Qué le contaron?',
    ],
  },
  {
    topic: 'lonely',
    match: /(sol[oa]\b|soledad|nadie (me )?(llama|viene|visita))/iu,
    replies: [
      'Eso suena duro{name}, y me alegro de que hablemos. ¿A quién le gustaría ver?',
      'Los días callados se hacen largos. ¿Quién le hacía antes mejor compañía?',
    ],
  },
  {
    topic: 'food',
    match: /(com(er|ida|í)|cocin|sopa|desayun|almuerzo|cena|café|pan)/iu,
    replies: ['¡Qué rico! ¿Es una receta de su familia?', 'Comer bien alegra el día. ¿Le gustó?'],
  },
  {
    topic: 'weather',
    match: /(tiempo|lluvia|llueve|sol\b|calor|frío|nieve|viento)/iu,
    replies: [
      'El tiempo cambia el ánimo. ¿Pudo salir un poco hoy?',
      '¿Es un día para pasear o para quedarse en casa?',
    ],
  },
  {
    topic: 'unwell',
    match: /(me duele|dolor|cansad[oa]|maread[oa]|no dormí|no puedo dormir)/iu,
    replies: [
      'Lo siento mucho{name}. ¿Hace mucho que está así?',
      'Cuídese hoy, por favor. ¿Qué le alivia un poco?',
    ],
  },
  {
    topic: 'thanks',
    match: /gracias/iu,
    replies: [
      'De nada{name}. ¿Hay algo más que quiera contarme?',
      'Con mucho gusto. ¿Y qué más ha pasado hoy?',
    ],
  },
  {
    topic: 'greeting',
    match: /^(hola|buen[oa]s( (días|tardes))?)/iu,
    replies: [
      'Hola{name}, qué gusto oírle. ¿Cómo se siente hoy?',
      'Hola de nuevo{name}. ¿Qué ha hecho hoy?',
    ],
  },
  {
    topic: 'well',
    match: /(estoy bien|muy bien|todo bien|más o menos)/iu,
    replies: [
      'Me alegro mucho{name}. ¿Qué fue lo mejor de su día?',
      'Qué buena noticia. ¿Tiene planes para más tarde?',
    ],
  },
];

export const SPANISH_FALLBACKS: readonly string[] = [
  'Qué interesante{name}. ¿Me cuenta un poco más?',
  'Le escucho{name}. ¿Y qué pasó después?',
  'Me gusta oírlo. ¿Cómo empezó todo eso?',
  'Tómese su tiempo. ¿Qué tiene en mente?',
];

export const SPANISH_REPEAT = 'Le decía: {last}';
